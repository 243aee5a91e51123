import { Hono } from 'hono'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Emulator } from 'zeroid-gate/emulator'
import { startEmulator } from 'zeroid-gate/emulator'
import { requireScope, zeroid } from 'zeroid-gate/hono'

let server: Emulator
let auth: ReturnType<typeof zeroid>
let app: Hono

beforeAll(async () => {
  server = await startEmulator()
  auth = zeroid({ url: server.url })
  app = new Hono().use(auth).get('/orders', requireScope('orders:read'), (c) => c.json([])) as never
  await auth.gate.started
})

afterAll(async () => {
  await auth.gate.close()
  await server.close()
})

const get = (token: string): Response | Promise<Response> =>
  app.request('/orders', { headers: { authorization: `Bearer ${token}` } })

test('an agent may read orders until it is revoked', async () => {
  const agent = await server.agent()
  const token = await server.mint({ agent, scopes: ['orders:read'] })
  expect((await get(token)).status).toBe(200)
  await server.signal({ agent })
  await vi.waitFor(async () => expect((await get(token)).status).toBe(401))
})

test('an agent without the scope may not', async () => {
  expect((await get(await server.mint({ scopes: ['data:read'] }))).status).toBe(403)
})
