import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { AllowedUpgrade } from '../../src/adapters/upgrade.ts'
import { upgradeGuard } from '../../src/adapters/upgrade.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { exchange, handshakeBytes, headerIn } from '../helpers/raw.ts'
import type { Stack } from '../helpers/stack.ts'
import { bearer, startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'
import { listenOn, namesIn } from './app.ts'

/** A token in the query counts for nothing. */
const tokenPath = '/?access_token=x'

interface Site extends Stack {
  readonly ws: string
  readonly http: string
  readonly allowed: AllowedUpgrade[]
  readonly requests: IncomingMessage[]
  /** Connections that the server still has. */
  readonly connections: () => Promise<number>
}

async function site(options: Partial<GateOptions> = {}): Promise<Site> {
  const stack = await startStack(options)
  const guard = upgradeGuard({ gate: stack.gate })
  const allowed: AllowedUpgrade[] = []
  const requests: IncomingMessage[] = []
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer()
  server.on('upgrade', (request, socket, head) => {
    requests.push(request)
    void guard(request, socket).then((upgrade) => {
      if (upgrade === undefined) return
      allowed.push(upgrade)
      sockets.handleUpgrade(request, socket, head, (ws) => {
        upgrade.agent.signal.addEventListener('abort', () => ws.close(1008))
      })
    })
  })
  const http = await listenOn(server)
  const connections = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
  return { ...stack, allowed, requests, connections, http, ws: http.replace('http', 'ws') }
}

const offer = (token: string): string =>
  `base64url.bearer.authorization.${Buffer.from(token).toString('base64url')}`

/** Opens a socket; the status where it was refused. */
async function open(
  url: string,
  protocols: string[] = [],
  headers: Record<string, string> = {},
): Promise<WebSocket | number | undefined> {
  const socket = new WebSocket(url, protocols, { headers })
  onTestFinished(() => socket.terminate())
  return await new Promise((resolve) => {
    socket.on('open', () => resolve(socket))
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode))
    socket.on('error', () => resolve(undefined))
  })
}

const isOpen = (socket: unknown): boolean =>
  socket instanceof WebSocket && socket.readyState === WebSocket.OPEN

describe('a WebSocket handshake', () => {
  test('passes with a token in Authorization', async () => {
    const { ws, zeroid, allowed } = await site()
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent })
    expect(isOpen(await open(ws, ['chat'], { authorization: `Bearer ${token}` }))).toBe(true)
    expect(allowed.map((it) => [it.agent.subject, it.protocol])).toEqual([[agent.wimseUri, 'chat']])
  })

  test('passes with a token in a subprotocol, and speaks another one', async () => {
    const { ws, zeroid, allowed } = await site()
    const socket = await open(ws, [offer(await zeroid.mint()), 'chat', 'superchat'])
    expect(socket instanceof WebSocket && socket.protocol).toBe('chat')
    expect(allowed[0]?.protocol).toBe('chat')
  })

  test('never has its token repeated', async () => {
    const { http, zeroid, requests } = await site()
    const carrier = offer(await zeroid.mint())
    const [answer] = await exchange(
      http,
      handshakeBytes(tokenPath, `Sec-WebSocket-Protocol: ${carrier}`),
      1,
    )
    expect(answer?.status).toBe(101)
    expect(headerIn(answer, 'Sec-WebSocket-Protocol')).toBeUndefined()
    const [request] = requests
    expect(
      JSON.stringify([request?.headers, request?.rawHeaders, request?.headersDistinct]),
    ).not.toContain(carrier.slice(0, 40))
  })

  test('is refused with the bytes of the door', async () => {
    const { http, url } = await site()
    const [ours] = await exchange(http, handshakeBytes(tokenPath), 1)
    const path = '/oauth2/token/verify'
    const [theirs] = await exchange(url, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, 1)
    expect([ours?.status, `${ours?.body}`]).toEqual([401, `${theirs?.body}`])
    for (const name of ['WWW-Authenticate', 'Content-Type', 'Content-Length', 'Cache-Control']) {
      expect(headerIn(ours, name)).toBe(headerIn(theirs, name))
    }
  })

  test.each<[string, (token: string, other: string) => string[]]>([
    [
      'a token in both places',
      (a) => [`Authorization: Bearer ${a}`, `Sec-WebSocket-Protocol: ${offer(a)}`],
    ],
    ['two tokens offered', (a, b) => [`Sec-WebSocket-Protocol: ${offer(a)}, ${offer(b)}`]],
    [
      'two tokens offered in two headers',
      (a, b) => [`Sec-WebSocket-Protocol: ${offer(a)}`, `Sec-WebSocket-Protocol: ${offer(b)}`],
    ],
    [
      'two Authorization headers',
      (a) => [`Authorization: Bearer ${a}`, `Authorization: Bearer ${a}`],
    ],
    [
      'a token that is not encoded',
      (a) => [`Sec-WebSocket-Protocol: base64url.bearer.authorization.${a}`],
    ],
    ['an empty token', () => ['Sec-WebSocket-Protocol: base64url.bearer.authorization.']],
    ['another spelling of a token', (a) => [`Sec-WebSocket-Protocol: ${offer(a)}=`]],
    ['a bad token', () => [`Sec-WebSocket-Protocol: ${offer('a.b.c')}, chat`]],
    ['a line break inside a token', (a) => [`Sec-WebSocket-Protocol: ${offer(`${a}\r\nX: y`)}`]],
    ['a token in the query', () => ['X-None: 1']],
  ])('is refused with %s', async (_title, lines) => {
    const { http, zeroid, allowed } = await site()
    const bytes = handshakeBytes(tokenPath, ...lines(await zeroid.mint(), await zeroid.mint()))
    const [answer] = await exchange(http, bytes, 1)
    expect([answer?.status, allowed.length]).toEqual([401, 0])
  })

  test.each([
    ['no body', undefined, 101],
    ['the empty body, which is the only one that it has', '', 101],
    ['a body', 'x', 401],
  ])('with a proof for %s is answered as it must be', async (_title, body, status) => {
    const { http, zeroid } = await site()
    const key = makeProofKey()
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    const made = proof({ key, url: `${http}/`, token, ...(body === undefined ? {} : { body }) })
    const lines = [`Authorization: DPoP ${token}`, `DPoP: ${made}`]
    const bytes = handshakeBytes(tokenPath, ...lines).replace(
      'Host: x',
      `Host: ${new URL(http).host}`,
    )
    const [answer] = await exchange(http, bytes, 1)
    expect(answer?.status).toBe(status)
  })

  test('is refused once its token is revoked', async () => {
    const { ws, zeroid } = await site()
    const token = await zeroid.mint()
    await zeroid.revoke(token)
    expect(await open(ws, [offer(token), 'chat'])).toBe(401)
  })

  test('answers 503 while nobody can tell', async () => {
    const { ws, zeroid } = await site({ signals: false })
    const token = await zeroid.mint()
    await zeroid.pause()
    expect(await open(ws, [offer(token), 'chat'])).toBe(503)
  })

  test('has its reserved headers stripped', async () => {
    const { ws, zeroid, requests } = await site()
    const spoofed = { 'X-Zeroid-Actor': 'a', X_Forwarded_User: 'b' }
    await open(ws, [offer(await zeroid.mint()), 'chat'], spoofed)
    const [request] = requests
    if (request === undefined) throw new Error('no request')
    expect(namesIn(request).filter((name) => /^x[-_]/.test(name))).toEqual([])
    expect(request.headers['sec-websocket-protocol']).toBe('chat')
  })

  test.each([['in a header'], ['offered']])(
    'opens a socket that ends with its token %s',
    async (place) => {
      const { ws, zeroid, gate } = await site()
      const agent = await zeroid.agent()
      const [token, other] = [await zeroid.mint({ agent }), await zeroid.mint()]
      const start = (it: string): Promise<unknown> =>
        place === 'offered'
          ? open(ws, [offer(it), 'chat'])
          : open(ws, ['chat'], { authorization: `Bearer ${it}` })
      const [socket, bystander] = [await start(token), await start(other)]
      await zeroid.signal({ agent })
      await until(() => !isOpen(socket))
      expect(isOpen(bystander)).toBe(true)
      ;(bystander as WebSocket).terminate()
      await until(() => gate.status().watches === 0)
    },
  )

  test('leaves no connection behind when it is refused, though its client keeps its end open', async () => {
    const { http, connections } = await site()
    const socket = connect({ port: Number(new URL(http).port), allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.write(handshakeBytes(tokenPath))
    await until(() => answer.endsWith('}\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
    await until(async () => (await connections()) === 0)
  })

  test('that is refused may have sent more than its head', async () => {
    const { http, connections } = await site()
    const [answer] = await exchange(http, handshakeBytes(tokenPath) + 'x'.repeat(100_000), 1)
    expect(answer?.status).toBe(401)
    await until(async () => (await connections()) === 0)
  })

  test('that is given up while the server is asked harms nobody', async () => {
    const { ws, zeroid, gate } = await site({ mode: 'live' })
    const token = await zeroid.mint()
    zeroid.faults.set('introspect', { delay: 100, times: 1 })
    const socket = new WebSocket(ws, [offer(token), 'chat'])
    socket.on('error', () => {})
    await until(() => zeroid.requests.count('introspect') > 0)
    socket.terminate()
    await until(async () => isOpen(await open(ws, [offer(token), 'chat'])))
    await until(() => gate.status().watches === 1)
  })
})

test('a guard that was given no gate has one of its own, to be closed', async () => {
  const { zeroid } = await startStack()
  const guard = upgradeGuard({ url: zeroid.url })
  await guard.gate.started
  expect(await guard.gate.check(bearer(await zeroid.mint()))).toMatchObject({ outcome: 'allow' })
  await guard.gate.close()
  expect(guard.gate.ended.aborted).toBe(true)
})

test('a guard that was given a gate shows that one', async () => {
  const { gate } = await startStack()
  expect(upgradeGuard({ gate }).gate).toBe(gate)
})
