import { createServer } from 'node:http'
import type { ErrorRequestHandler, Express, Request, Response, Router } from 'express'
import { onTestFinished } from 'vitest'
import * as adapter from '../../src/adapters/express.ts'
import type { AccessError } from '../../src/errors.ts'
import type { App, Plan } from './app.ts'
import { describeWho, listenOn, namesIn } from './app.ts'

type ExpressModule = (() => Express) & { Router(): Router; text(): never; json(): never }

/** The app of every contract, in Express. */
export async function startExpress(express: ExpressModule, plan: Plan): Promise<App> {
  const ran: string[] = []
  const trailers: string[] = []
  const app = express()
  const router = express.Router()
  if (plan.resource !== undefined) app.use(adapter.protectedResource(plan.resource))
  if (plan.options !== undefined) {
    const auth = adapter.zeroid(plan.options)
    if (!('gate' in plan.options)) onTestFinished(() => auth.gate.close())
    app.use(plan.below ?? '/', auth)
  }
  app.use((_request, _response, next) => {
    ran.push('middleware')
    next()
  })
  app.use(express.text(), express.json())
  const ok = (name: string) => (_request: Request, response: Response) => {
    ran.push(name)
    response.send(name)
  }
  router.get('/who', (request, response) => {
    ran.push('who')
    response.json(describeWho(request.zeroid, namesIn(request)))
  })
  router.options('/who', ok('options'))
  router.post('/echo', (request, response) => {
    ran.push('echo')
    response.send(request.body)
  })
  router.post('/json', ok('json'))
  router.put('/trailers', (request, response) => {
    const answer = (): void => {
      trailers.push(...Object.keys(request.trailers), ...request.rawTrailers)
      trailers.push(...Object.keys(request.trailersDistinct))
      response.send('trailers')
    }
    if (request.readableEnded) answer()
    else request.resume().on('end', answer)
  })
  router.get('/scope', adapter.requireScope('tools:execute'), ok('scope'))
  router.get('/scopes', adapter.requireScope('data:read', 'tools:execute'), ok('scopes'))
  router.get('/trust', adapter.requireTrust('verified_third_party'), ok('trust'))
  router.get('/tool', adapter.requireTool('search'), ok('tool'))
  router.get('/type', adapter.requireIdentityType('agent', 'service'), ok('type'))
  router.get('/depth', adapter.requireDelegation({ max: 1 }), ok('depth'))
  router.get('/throw', () => {
    throw new Error('mine')
  })
  router.get('/reject', (_request, _response, next) => {
    Promise.reject(new Error('mine')).catch(next)
  })
  router.get('/require', (request, response) => {
    adapter.identityOf(request).requireScope('tools:execute')
    response.send('require')
  })
  router.get('/stream', (request, response) => {
    const { signal } = adapter.identityOf(request)
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('data: open\n\n')
    const end = (): void => void response.end(`data: ${(signal.reason as AccessError).code}\n\n`)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end)
  })
  app.use(router)
  const sub = express()
  sub.use(router)
  app.use('/sub', sub)
  const mine: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status ?? 500).json({ error: error.message, code: error.code })
  }
  app.use(mine)
  return { url: await listenOn(createServer(app)), ran, trailers }
}
