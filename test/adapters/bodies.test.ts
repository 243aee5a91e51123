import type { Server } from 'node:http'
import { createServer } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Express, Request, Response } from 'express'
import express5 from 'express'
import express4 from 'express4'
import type { FastifyPluginCallback } from 'fastify'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as forExpress from '../../src/adapters/express.ts'
import * as forFastify from '../../src/adapters/fastify.ts'
import * as forHono from '../../src/adapters/hono.ts'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Gate } from '../../src/gate.ts'
import { createGate } from '../../src/gate.ts'
import type { PolicyDocument } from '../../src/policy/policy.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { exchange } from '../helpers/raw.ts'
import { listenOn } from './app.ts'

const key = makeProofKey()
let zeroid: Emulator
beforeAll(async () => {
  zeroid = await startEmulator()
})
afterAll(() => zeroid.close())

/** An app whose one route says what it got for a body, behind its framework's own body parser. */
const servers: Record<string, (gate: Gate) => Promise<string>> = {
  'Express 5': (gate) => listenOn(createServer(expressApp(express5, gate))),
  'Express 4': (gate) => listenOn(createServer(expressApp(express4 as never, gate))),
  'Fastify 5': (gate) => listenFastify(forFastify.zeroid({ gate })),
  'Hono 4'(gate) {
    const app = new Hono()
    app.use(forHono.zeroid({ gate }))
    app.post('/', async (c) => c.json({ body: await c.req.text() }))
    return listenOn(
      createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server,
    )
  },
}

function expressApp(express: typeof express5, gate: Gate): Express {
  const app = express()
  app.use(forExpress.zeroid({ gate }))
  app.use(express.text({ type: 'text/x' }))
  app.post('/', (request: Request, response: Response) => {
    response.json({ body: request.body })
  })
  return app
}

async function listenFastify(...guards: readonly FastifyPluginCallback[]): Promise<string> {
  const app = fastify()
  onTestFinished(() => app.close())
  for (const guard of guards) app.register(guard)
  app.addContentTypeParser('text/x', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  )
  app.post('/', async (request) => ({ body: request.body }))
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

async function startGate(): Promise<Gate> {
  const gate = createGate({ url: zeroid.url })
  onTestFinished(() => gate.close())
  await gate.started
  return gate
}

/** The head of a request with a proof that names the body. */
function head(url: string, token: string, body: string): string {
  const lines = [
    'POST / HTTP/1.1',
    `Host: ${new URL(url).host}`,
    `Authorization: DPoP ${token}`,
    `DPoP: ${proof({ key, method: 'POST', url: `${url}/`, token, body })}`,
    'Content-Type: text/x',
    'Transfer-Encoding: chunked',
    'Connection: close',
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

describe.each(Object.entries(servers))('%s', (_name, start) => {
  test('a chunked body of no bytes, as its proof names it, comes to its end for the app', async () => {
    const url = await start(await startGate())
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    // Cold and warm: the verdict comes before or after the end of the body.
    for (const _ of [1, 2]) {
      const [answer] = await exchange(url, `${head(url, token, '')}0\r\n\r\n`, 1)
      expect(answer?.status).toBe(200)
      expect(answer?.body.toString()).toMatch(/\{"body":(""|\{\})?\}/)
    }
  })

  test('a chunked body that its proof names is all there for the app', async () => {
    const url = await start(await startGate())
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    for (const _ of [1, 2]) {
      const [answer] = await exchange(url, `${head(url, token, 'abcd')}4\r\nabcd\r\n0\r\n\r\n`, 1)
      expect(answer?.status).toBe(200)
      expect(answer?.body.toString()).toContain('{"body":"abcd"}')
    }
  })
})

test.each([
  ['Express 5', express5],
  ['Express 4', express4 as never as typeof express5],
])('%s: behind a body parser a proof that names a body is refused', async (_name, express) => {
  const gate = await startGate()
  const app = express()
  app.use(express.text({ type: 'text/x' }))
  app.use(expressApp(express, gate))
  const url = await listenOn(createServer(app))
  const token = await zeroid.mint({ boundTo: key.thumbprint })
  for (const _ of [1, 2]) {
    const [answer] = await exchange(url, `${head(url, token, 'abcd')}4\r\nabcd\r\n0\r\n\r\n`, 1)
    expect(answer?.status).toBe(401)
  }
})

/** Apps with one gate before the body parser and the same one, with rules, behind it. */
const twice: Record<string, (gate: Gate) => Promise<string>> = {
  'Express 5': (gate) => listenOn(createServer(guardedTwice(express5, gate))),
  'Express 4': (gate) => listenOn(createServer(guardedTwice(express4 as never, gate))),
  'Fastify 5': (gate) =>
    listenFastify(forFastify.zeroid({ gate }), forFastify.zeroid({ gate, policy })),
  'Hono 4'(gate) {
    const app = new Hono()
    app.use(forHono.zeroid({ gate }))
    app.use(async (c, next) => {
      await c.req.text()
      await next()
    })
    app.use(forHono.zeroid({ gate, policy }))
    app.post('/', async (c) => c.json({ body: await c.req.text() }))
    const { fetch } = app
    return listenOn(createAdaptorServer({ fetch, overrideGlobalObjects: false }) as Server)
  },
}

const policy: PolicyDocument = {
  version: 1,
  routes: [{ match: { path: '/' }, require: { dpop: 'required' } }],
}

function guardedTwice(express: typeof express5, gate: Gate): Express {
  const app = express()
  app.use(forExpress.zeroid({ gate }))
  app.use(express.text({ type: 'text/x' }))
  app.use(express.Router().use(forExpress.zeroid({ gate, policy })))
  app.post('/', (request: Request, response: Response) => {
    response.json({ body: request.body })
  })
  return app
}

describe.each(Object.entries(twice))('%s, guarded twice', (_name, start) => {
  test('a request passes with its one proof, its body still there, and no other passes', async () => {
    const url = await start(await startGate())
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    const request = `${head(url, token, 'abcd')}4\r\nabcd\r\n0\r\n\r\n`
    const [answer] = await exchange(url, request, 1)
    expect(answer?.status).toBe(200)
    expect(answer?.body.toString()).toContain('{"body":"abcd"}')
    expect((await exchange(url, request, 1))[0]?.status).toBe(401)
  })
})
