import type { Http2Server, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
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

const key = makeProofKey()
let zeroid: Emulator
beforeAll(async () => {
  zeroid = await startEmulator()
})
afterAll(() => zeroid.close())

const policy: PolicyDocument = {
  version: 1,
  routes: [{ name: 'api', match: { host: '127.0.0.1', path: '/echo' } }],
}

/** A server of HTTP/2 without TLS whose `/echo` answers with the body that it got. */
type Start = (gate: Gate) => Promise<string>

const servers: Record<string, Start> = {
  'node:http2'(gate) {
    const auth = forExpress.zeroid({ gate, policy })
    return listen(
      createServer(async (request, response) => {
        const let_in = new Promise((resolve) => auth(request as never, response as never, resolve))
        await let_in
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk as Buffer)
        response.end(Buffer.concat(chunks))
      }),
    )
  },
  async 'Fastify 5'(gate) {
    const app = fastify({ http2: true })
    onTestFinished(() => app.close())
    app.register(forFastify.zeroid({ gate, policy }))
    app.addContentTypeParser('text/x', { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    )
    app.route({ method: ['GET', 'POST'], url: '/echo', handler: async ({ body }) => body ?? '' })
    return await app.listen({ host: '127.0.0.1', port: 0 })
  },
  'Hono 4'(gate) {
    const app = new Hono()
    app.use(forHono.zeroid({ gate, policy }))
    app.all('/echo', async (c) => c.text(await c.req.text()))
    const { fetch } = app
    return listen(
      createAdaptorServer({ fetch, overrideGlobalObjects: false, createServer }) as Http2Server,
    )
  },
}

async function listen(server: Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** @param body in pieces, without a content-length; undefined: the headers end the request */
function ask(url: string, headers: OutgoingHttpHeaders, body?: readonly string[]): Promise<Answer> {
  const session = connect(url)
  onTestFinished(() => session.destroy())
  return new Promise((resolve, reject) => {
    session.on('error', reject)
    const stream = session.request(
      { ':path': '/echo', 'content-type': 'text/x', ...headers },
      { endStream: body === undefined },
    )
    let answered: IncomingHttpHeaders = {}
    let text = ''
    stream.on('error', reject)
    stream.on('response', (got) => {
      answered = got
    })
    stream.on('data', (chunk) => {
      text += String(chunk)
    })
    stream.on('end', () =>
      resolve({ status: Number(answered[':status']), headers: answered, body: text }),
    )
    for (const piece of body ?? []) stream.write(piece)
    if (body !== undefined) stream.end()
  })
}

async function open(start: Start): Promise<{
  url: string
  prove: (changed: Partial<Parameters<typeof proof>[0]>) => Promise<OutgoingHttpHeaders>
}> {
  const gate = createGate({ url: zeroid.url })
  onTestFinished(() => gate.close())
  await gate.started
  const url = await start(gate)
  const token = await zeroid.mint({ boundTo: key.thumbprint })
  return {
    url,
    prove: async (changed) => ({
      ':method': changed.method ?? 'GET',
      authorization: `DPoP ${token}`,
      dpop: proof({ key, url: `${url}/echo`, token, ...changed }),
    }),
  }
}

describe.each(Object.entries(servers))('%s over HTTP/2', (_name, start) => {
  test('a bearer token passes, and without one there is the challenge', async () => {
    const { url } = await open(start)
    const token = await zeroid.mint()
    expect((await ask(url, { authorization: `Bearer ${token}` })).status).toBe(200)
    const refused = await ask(url, {})
    expect(refused.status).toBe(401)
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer error="missing_token", /)
  })

  test('a proof is compared with the authority', async () => {
    const { url, prove } = await open(start)
    expect((await ask(url, await prove({}))).status).toBe(200)
    expect((await ask(url, await prove({ url: 'http://other.example/echo' }))).status).toBe(401)
  })

  test('a Host header beside another authority is not believed', async () => {
    const { url, prove } = await open(start)
    const sent = await prove({ url: 'http://other.example/echo' })
    expect((await ask(url, { ...sent, host: 'other.example' })).status).toBeGreaterThanOrEqual(400)
  })

  test.each<[string, readonly string[] | undefined]>([
    ['none', undefined],
    ['of no bytes', []],
    ['in one piece', ['abcd']],
    ['in many', Array.from({ length: 30 }, () => 'x'.repeat(10_000))],
  ])('a body that the proof names is compared, and still there: %s', async (_title, body) => {
    const { url, prove } = await open(start)
    const text = body?.join('') ?? ''
    const answer = await ask(url, await prove({ method: 'POST', body: text }), body)
    expect([answer.status, answer.body]).toEqual([200, text])
  })

  test.each(['', 'abc'])('another body than the proof names is refused (%j)', async (named) => {
    const { url, prove } = await open(start)
    const answer = await ask(url, await prove({ method: 'POST', body: named }), ['ab', 'cd'])
    expect([answer.status, answer.body]).toEqual([401, '{"error":"invalid_dpop_proof"}\n'])
  })
})
