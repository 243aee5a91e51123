import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { onTestFinished } from 'vitest'
import * as adapter from '../../src/adapters/hono.ts'
import type { AccessError } from '../../src/errors.ts'
import type { App, Plan } from './app.ts'
import { describeWho, listenOn, namesIn } from './app.ts'
import { contract } from './contract.ts'

contract({
  name: 'Hono 4',
  start,
  guards: adapter as never,
  zeroid: adapter.zeroid,
  protectedResource: adapter.protectedResource,
})

/** The app of every contract, in Hono. */
async function start(plan: Plan): Promise<App> {
  const ran: string[] = []
  const trailers: string[] = []
  const app = new Hono()
  if (plan.resource !== undefined) app.use(adapter.protectedResource(plan.resource))
  if (plan.options !== undefined) {
    const auth = adapter.zeroid(plan.options)
    if (!('gate' in plan.options)) onTestFinished(() => auth.gate.close())
    app.use(plan.below === undefined ? '*' : `${plan.below}/*`, auth)
  }
  app.use(async (_c, next) => {
    ran.push('middleware')
    await next()
  })
  app.onError((error, c) => {
    const { message, code, status = 500 } = error as AccessError
    return c.json({ error: message, code }, status as never)
  })
  app.route('/', routes(ran, trailers))
  app.route('/sub', routes(ran, trailers))
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server
  return { url: await listenOn(server), ran, trailers }
}

function routes(
  ran: string[],
  trailers: string[],
): Hono<{ Bindings: { incoming: import('node:http').IncomingMessage } }> {
  const app = new Hono<{ Bindings: { incoming: import('node:http').IncomingMessage } }>()
  const ok = (name: string) => (c: { text(text: string): Response }) => {
    ran.push(name)
    return c.text(name)
  }
  app.get('/who', (c) => {
    ran.push('who')
    const names = [...namesIn(c.env.incoming), ...Object.keys(c.req.header())]
    return c.json(describeWho(c.var.zeroid, [...names, ...c.req.raw.headers.keys()]))
  })
  app.options('/who', ok('options'))
  app.post('/echo', async (c) => {
    ran.push('echo')
    return c.text(await c.req.text())
  })
  app.post('/json', async (c) => {
    const body: unknown = await c.req.json().catch(() => undefined)
    return body === undefined ? c.text('no JSON', 400) : ok('json')(c)
  })
  app.put('/trailers', async (c) => {
    await c.req.text()
    const { incoming } = c.env
    trailers.push(...Object.keys(incoming.trailers), ...incoming.rawTrailers)
    trailers.push(...Object.keys(incoming.trailersDistinct))
    return c.text('trailers')
  })
  app.get('/scope', adapter.requireScope('tools:execute'), ok('scope'))
  app.get('/scopes', adapter.requireScope('data:read', 'tools:execute'), ok('scopes'))
  app.get('/trust', adapter.requireTrust('verified_third_party'), ok('trust'))
  app.get('/tool', adapter.requireTool('search'), ok('tool'))
  app.get('/type', adapter.requireIdentityType('agent', 'service'), ok('type'))
  app.get('/depth', adapter.requireDelegation({ max: 1 }), ok('depth'))
  app.get('/throw', () => {
    throw new Error('mine')
  })
  app.get('/reject', async () => await Promise.reject(new Error('mine')))
  app.get('/require', (c) => {
    adapter.identityOf(c).requireScope('tools:execute')
    return c.text('require')
  })
  app.get('/stream', (c) => {
    const { signal } = adapter.identityOf(c)
    c.header('Content-Type', 'text/event-stream')
    return stream(c, async (out) => {
      await out.write('data: open\n\n')
      if (!signal.aborted) {
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve())
          out.onAbort(() => resolve())
        })
      }
      if (signal.aborted) await out.write(`data: ${(signal.reason as AccessError).code}\n\n`)
    })
  })
  return app
}
