import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve, upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { identityOf, zeroid } from '../../src/adapters/hono.ts'
import type { Emulator } from '../../src/emulator/index.ts'
import type { Gate } from '../../src/gate.ts'
import { exchange, handshakeBytes } from '../helpers/raw.ts'
import { startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

// The WebSockets of @hono/node-server: their handshakes have no answer of Node's.

interface Site {
  readonly zeroid: Emulator
  readonly gate: Gate
  readonly port: number
  /** The headers of Node's own requests that reached the app. */
  readonly reached: Record<string, unknown>[]
}

async function site(): Promise<Site> {
  const stack = await startStack()
  const reached: Record<string, unknown>[] = []
  const app = new Hono<{ Bindings: { incoming: IncomingMessage } }>()
  app.use(zeroid({ gate: stack.gate }))
  app.get(
    '/ws',
    upgradeWebSocket((c) => {
      const { signal } = identityOf(c)
      reached.push(c.env.incoming.headers)
      return {
        onOpen: (_event, ws) =>
          signal.addEventListener('abort', () => ws.close(1008, signal.reason.code)),
      }
    }),
  )
  const server = serve({
    fetch: app.fetch,
    hostname: '127.0.0.1',
    port: 0,
    overrideGlobalObjects: false,
    websocket: { server: new WebSocketServer({ noServer: true }) as never },
  }) as Server
  onTestFinished(() => void server.close())
  await until(() => server.listening)
  return { ...stack, port: (server.address() as AddressInfo).port, reached }
}

async function open(port: number, headers: Record<string, string>): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers })
  onTestFinished(() => socket.terminate())
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}

test('a socket is cut when its agent is revoked', async () => {
  const { zeroid: server, gate, port } = await site()
  const agent = await server.agent()
  const socket = await open(port, { authorization: `Bearer ${await server.mint({ agent })}` })
  expect(gate.status().watches).toBe(1)
  const closed = new Promise<string>((resolve) =>
    socket.once('close', (_code, reason) => resolve(`${reason}`)),
  )
  await server.signal({ agent })
  expect(await closed).toBe('token_inactive')
  expect(gate.status().watches).toBe(0)
})

test('a socket that its client closes is let go of', async () => {
  const { zeroid: server, gate, port } = await site()
  const socket = await open(port, { authorization: `Bearer ${await server.mint()}` })
  expect(gate.status().watches).toBe(1)
  socket.close()
  await until(() => gate.status().watches === 0)
})

test('a handshake is stripped, and a second Authorization refused', async () => {
  const { zeroid: server, port, reached } = await site()
  const token = await server.mint()
  await open(port, { authorization: `Bearer ${token}`, 'x-zeroid-owner': 'admin' })
  expect(Object.keys(reached[0] ?? {})).not.toContain('x-zeroid-owner')
  const authorizations = [`Authorization: Bearer ${token}`, 'Authorization: Bearer other']
  const request = handshakeBytes('/ws', ...authorizations)
  const [answer] = await exchange(`http://127.0.0.1:${port}`, request, 1)
  expect(answer?.status).toBe(401)
  expect(reached).toHaveLength(1)
})
