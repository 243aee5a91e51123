import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { handshakeBytes } from '../helpers/raw.ts'
import { until } from '../helpers/until.ts'
import { openStream } from './stream.ts'

const folder = new URL('../../examples/', import.meta.url)

interface Running {
  readonly url: string
  readonly zeroid: Emulator
  readonly exited: () => boolean
  /** Asks it to end; resolves when it has. */
  readonly stop: () => Promise<void>
}

/** Runs an example as a user does. */
async function run(name: string): Promise<Running> {
  const zeroid = await startEmulator()
  const child = spawn(process.execPath, ['--import', 'tsx', new URL(name, folder).pathname], {
    cwd: new URL('../../', import.meta.url),
    env: { PATH: process.env.PATH, ZEROID_URL: zeroid.url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await zeroid.close()
  })
  const url = await addressOf(child)
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  return {
    url,
    zeroid,
    exited: () => child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function addressOf(child: ChildProcess): Promise<string> {
  let said = ''
  return await new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk
      const url = /listening on (\S+)\n/.exec(said)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.on('exit', (code) => reject(new Error(`it ended with ${code} and said ${said}`)))
  })
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

/** The status of an answer, asked for until the app's gate is ready. */
async function ready(url: string, token: string): Promise<void> {
  await until(async () => (await fetch(url, { headers: bearer(token) })).status !== 503)
}

/** The same for handshakes. */
async function untilReady(url: string, token: string): Promise<void> {
  const offer = `base64url.bearer.authorization.${Buffer.from(token).toString('base64url')}`
  await until(async () => {
    const attempt = new WebSocket(url.replace('http', 'ws'), ['chat', offer])
    const opened = await new Promise<boolean>((resolve) => {
      attempt.on('open', () => resolve(true))
      attempt.on('error', () => resolve(false))
    })
    attempt.terminate()
    return opened
  })
}

describe('the examples', () => {
  test.each(readdirSync(folder).filter((name) => name.endsWith('.ts')))(
    '%s is shorter than 40 lines',
    (name) => {
      const lines = readFileSync(new URL(name, folder), 'utf8').split('\n')
      expect(lines.length).toBeLessThanOrEqual(40)
    },
  )

  test('express.ts guards its routes', async () => {
    const { url, zeroid } = await run('express.ts')
    const token = await zeroid.mint({ scopes: ['orders:read'] })
    await ready(url, token)
    const status = async (path: string, method = 'GET'): Promise<number> =>
      (await fetch(url + path, { method, headers: bearer(token) })).status
    expect((await fetch(url)).status).toBe(401)
    expect([
      await status('/'),
      await status('/orders'),
      await status('/orders/1', 'DELETE'),
    ]).toEqual([200, 200, 403])
  })

  test.each([['fastify-sse.ts'], ['hono-streaming.ts']])(
    '%s ends the stream of a revoked agent',
    async (name) => {
      const { url, zeroid } = await run(name)
      const agent = await zeroid.agent()
      const token = await zeroid.mint({ agent })
      await ready(`${url}/nowhere`, token)
      const stream = await openStream(url, token, '/events')
      await zeroid.signal({ agent })
      expect(await stream.ended()).toMatch(/event: revoked\ndata: "?token_inactive/)
    },
  )

  test.each([['fastify-sse.ts'], ['hono-streaming.ts']])(
    '%s ends when it is asked to, also while a stream is open',
    async (name) => {
      const { url, zeroid, stop } = await run(name)
      const token = await zeroid.mint()
      await ready(`${url}/nowhere`, token)
      const stream = await openStream(url, token, '/events')
      await stop()
      expect(await stream.ended()).toContain('temporarily_unavailable')
    },
  )

  test('websocket.ts closes the socket of a revoked agent', async () => {
    const { url, zeroid } = await run('websocket.ts')
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent })
    const offer = `base64url.bearer.authorization.${Buffer.from(token).toString('base64url')}`
    let socket: WebSocket | undefined
    await until(async () => {
      const attempt = new WebSocket(url.replace('http', 'ws'), ['chat', offer])
      socket = await new Promise<WebSocket | undefined>((resolve) => {
        attempt.on('open', () => resolve(attempt))
        attempt.on('error', () => resolve(undefined))
      })
      return socket !== undefined
    })
    expect(socket?.protocol).toBe('chat')
    const echo = new Promise((resolve) => socket?.on('message', (data) => resolve(`${data}`)))
    socket?.send('hello')
    expect(await echo).toBe(`${agent.wimseUri}: hello`)
    const closed = new Promise((resolve) =>
      socket?.on('close', (code, reason) => resolve([code, `${reason}`])),
    )
    await zeroid.signal({ agent })
    expect(await closed).toEqual([1008, 'token_inactive'])
  })

  test('websocket.ts lives on when a client sends what is no frame', async () => {
    const { url, zeroid, exited } = await run('websocket.ts')
    const token = await zeroid.mint()
    await untilReady(url, token)
    const { socket } = await handshake(url, token)
    // An opcode that does not exist.
    socket.write(Buffer.from([0x83, 0x80, 1, 2, 3, 4]))
    await new Promise((resolve) => socket.on('close', resolve))
    await handshake(url, token)
    expect(exited()).toBe(false)
  })

  test('websocket.ts hears a killed agent no more, and hangs up on it', async () => {
    const { url, zeroid } = await run('websocket.ts')
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent })
    await untilReady(url, token)
    const { socket, received } = await handshake(url, token)
    socket.write(frame('before'))
    await until(() => received().includes(': before'))
    const gone = new Promise((resolve) => socket.on('close', resolve))
    await zeroid.signal({ agent })
    await until(() => received().includes('token_inactive'))
    // This client answers no close, and goes on.
    for (let i = 0; i < 20; i++) socket.write(frame('after'))
    await gone
    expect(received()).not.toContain(': after')
  })

  describe('mcp-server.ts', () => {
    interface Client {
      readonly url: string
      readonly zeroid: Emulator
      readonly send: (token: string, message: object) => Promise<Response>
    }

    async function client(): Promise<Client> {
      const { url, zeroid } = await run('mcp-server.ts')
      await ready(`${url}/nowhere`, await zeroid.mint())
      const send = (token: string, message: object): Promise<Response> =>
        fetch(`${url}/mcp`, {
          method: 'POST',
          headers: {
            ...bearer(token),
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-protocol-version': '2025-06-18',
          },
          body: JSON.stringify({ jsonrpc: '2.0', ...message }),
        })
      return { url, zeroid, send }
    }

    test('greets a client, shows it the tools that it may call, and runs them', async () => {
      const { zeroid, send } = await client()
      const token = await zeroid.mint({ scopes: ['tools:execute'] })
      const params = {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'test', version: '1.0.0' },
      }
      const greeted = await send(token, { id: 0, method: 'initialize', params })
      expect(greeted.headers.get('content-type')).toMatch(/^application\/json/)
      expect(await greeted.json()).toEqual({
        jsonrpc: '2.0',
        id: 0,
        result: {
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          serverInfo: { name: 'shouter', version: '1.0.0' },
        },
      })
      const noted = await send(token, { method: 'notifications/initialized' })
      expect([noted.status, await noted.text()]).toEqual([202, ''])
      expect(await (await send(token, { id: 1, method: 'ping' })).json()).toMatchObject({
        result: {},
      })
      const listed = await (await send(token, { id: 2, method: 'tools/list' })).json()
      expect(listed).toMatchObject({ id: 2, result: { tools: [{ name: 'shout' }] } })
      const shout = { name: 'shout', arguments: { text: 'hello' } }
      const called = await (
        await send(token, { id: 3, method: 'tools/call', params: shout })
      ).json()
      expect(called).toEqual({
        jsonrpc: '2.0',
        id: 3,
        result: { content: [{ type: 'text', text: 'HELLO!' }] },
      })
      for (const message of [
        { id: 4, method: 'resources/list' },
        { id: 4, method: 'tools/call', params: { name: 'whisper' } },
      ]) {
        expect(await (await send(token, message)).json()).toMatchObject({
          error: { code: -32_601 },
        })
      }
    })

    test('hides its tools from an agent without the scope, and says which it needs', async () => {
      const { zeroid, send } = await client()
      const token = await zeroid.mint({ scopes: ['data:read'] })
      const listed = await (await send(token, { id: 1, method: 'tools/list' })).json()
      expect(listed).toMatchObject({ result: { tools: [] } })
      const params = { name: 'shout', arguments: { text: 'hello' } }
      const refused = await send(token, { id: 2, method: 'tools/call', params })
      expect(refused.status).toBe(403)
      expect(refused.headers.get('www-authenticate')).toMatch(
        /^Bearer error="insufficient_scope", scope="tools:execute", resource_metadata="http/,
      )
    })

    test('sends a client without a token to the server that issues them', async () => {
      const { url, zeroid } = await client()
      const challenge = (await fetch(`${url}/mcp`)).headers.get('www-authenticate')
      const metadata = /resource_metadata="([^"]+)"/.exec(challenge ?? '')?.[1] ?? ''
      const about = await fetch(url + new URL(metadata).pathname)
      expect(await about.json()).toMatchObject({ authorization_servers: [zeroid.issuer] })
    })

    test('ends the stream of a revoked agent', async () => {
      const { url, zeroid } = await client()
      const agent = await zeroid.agent()
      const stream = await openStream(url, await zeroid.mint({ agent }), '/mcp')
      await zeroid.signal({ agent })
      expect(await stream.ended()).toBe(': open\n\n')
    })
  })
})

/** A WebSocket by hand, which does as it likes. */
async function handshake(
  url: string,
  token: string,
): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  socket.write(handshakeBytes('/', `Authorization: Bearer ${token}`))
  await until(() => received.startsWith('HTTP/1.1 101 '))
  return { socket, received: () => received }
}

/** RFC 6455 §5.2: a short text, masked with zeros. */
function frame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
}
