import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { until } from '../helpers/until.ts'
import { openStream } from './stream.ts'

const folder = new URL('../../examples/', import.meta.url)

/** Runs an example as a user does. */
async function run(name: string): Promise<{ url: string; zeroid: Emulator }> {
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
  return { url: await addressOf(child), zeroid }
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

  test('mcp-server.ts shows an agent the tools that it may call', async () => {
    const { url, zeroid } = await run('mcp-server.ts')
    const able = await zeroid.mint({ scopes: ['tools:execute'] })
    const other = await zeroid.mint({ scopes: ['tools:read'] })
    await ready(`${url}/nowhere`, able)
    const call = async (token: string, method: string, params?: object): Promise<unknown> => {
      const headers = { ...bearer(token), 'content-type': 'application/json' }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
      return await (await fetch(`${url}/mcp`, { method: 'POST', headers, body })).json()
    }
    const add = { name: 'add', arguments: { a: 2, b: 3 } }
    expect(await call(able, 'tools/list')).toMatchObject({ result: { tools: [{ name: 'add' }] } })
    expect(await call(other, 'tools/list')).toMatchObject({ result: { tools: [] } })
    expect(await call(able, 'tools/call', add)).toMatchObject({
      result: { content: [{ text: '5' }] },
    })
    expect(await call(other, 'tools/call', add)).toHaveProperty('error')
    const challenge = (await fetch(`${url}/mcp`)).headers.get('www-authenticate')
    const metadata = /resource_metadata="([^"]+)"/.exec(challenge ?? '')?.[1] ?? ''
    const about = await fetch(url + new URL(metadata).pathname)
    expect(await about.json()).toMatchObject({ authorization_servers: [zeroid.issuer] })
  })
})
