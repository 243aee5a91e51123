import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import fastify from 'fastify'
import { onTestFinished } from 'vitest'
import * as adapter from '../../src/adapters/fastify.ts'
import type { AccessError } from '../../src/errors.ts'
import type { App, Plan } from './app.ts'
import { describeWho, namesIn } from './app.ts'
import { contract } from './contract.ts'

contract({
  name: 'Fastify 5',
  start,
  guards: adapter as never,
  zeroid: adapter.zeroid,
  protectedResource: adapter.protectedResource,
})

/** The app of every contract, in Fastify. */
async function start(plan: Plan): Promise<App> {
  const ran: string[] = []
  const trailers: string[] = []
  const app = fastify({ forceCloseConnections: true })
  onTestFinished(() => app.close())
  app.setErrorHandler((error: AccessError & { statusCode?: number }, _request, reply) => {
    void reply.code(error.statusCode ?? 500).send({ error: error.message, code: error.code })
  })
  const subApp: FastifyPluginCallback = (sub, _options, done) => {
    // A route that comes before its plugin is guarded all the same.
    routes(sub, ran, trailers)
    if (plan.below !== undefined) sub.register(adapter.zeroid(plan.options as never))
    done()
  }
  if (plan.resource !== undefined) app.register(adapter.protectedResource(plan.resource))
  app.register((scope, _options, done) => {
    if (plan.options !== undefined && plan.below === undefined) {
      scope.register(adapter.zeroid(plan.options))
    } else if (plan.options === undefined) scope.decorateRequest('zeroid', undefined)
    // Everything that is not found is guarded as well.
    scope.setNotFoundHandler((_request, reply) => void reply.code(404).send('not found'))
    scope.addHook('onRequest', async () => void ran.push('middleware'))
    routes(scope, ran, trailers)
    scope.register(subApp, { prefix: '/sub' })
    done()
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, ran, trailers }
}

function routes(app: FastifyInstance, ran: string[], trailers: string[]): void {
  const ok = (name: string) => async (): Promise<string> => {
    ran.push(name)
    return name
  }
  app.get('/who', async (request) => {
    ran.push('who')
    return describeWho(request.zeroid, [...namesIn(request.raw), ...Object.keys(request.headers)])
  })
  app.options('/who', ok('options'))
  app.post('/echo', async (request) => {
    ran.push('echo')
    return request.body
  })
  app.post('/json', ok('json'))
  app.put('/trailers', async (request) => {
    trailers.push(...Object.keys(request.raw.trailers), ...request.raw.rawTrailers)
    trailers.push(...Object.keys(request.raw.trailersDistinct))
    return 'trailers'
  })
  app.get('/scope', { onRequest: adapter.requireScope('tools:execute') }, ok('scope'))
  const both = adapter.requireScope('data:read', 'tools:execute')
  app.get('/scopes', { preHandler: both }, ok('scopes'))
  app.get('/trust', { onRequest: adapter.requireTrust('verified_third_party') }, ok('trust'))
  app.get('/tool', { onRequest: adapter.requireTool('search') }, ok('tool'))
  app.get('/type', { onRequest: adapter.requireIdentityType('agent', 'service') }, ok('type'))
  app.get('/depth', { preHandler: adapter.requireDelegation({ max: 1 }) }, ok('depth'))
  app.get('/throw', () => {
    throw new Error('mine')
  })
  app.get('/reject', async () => await Promise.reject(new Error('mine')))
  app.get('/require', async (request) => {
    adapter.identityOf(request).requireScope('tools:execute')
    return 'require'
  })
  app.get('/stream', (request, reply) => {
    const { signal } = adapter.identityOf(request)
    reply.hijack()
    reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' })
    reply.raw.write('data: open\n\n')
    const end = (): void => void reply.raw.end(`data: ${(signal.reason as AccessError).code}\n\n`)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end)
  })
}
