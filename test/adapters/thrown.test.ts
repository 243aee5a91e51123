import type { Server } from 'node:http'
import { createServer } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import * as forExpress from '../../src/adapters/express.ts'
import * as forFastify from '../../src/adapters/fastify.ts'
import * as forHono from '../../src/adapters/hono.ts'
import type { AgentIdentity } from '../../src/identity/agent.ts'
import type { Stack } from '../helpers/stack.ts'
import { startStack } from '../helpers/stack.ts'
import { listenOn } from './app.ts'

// What a handler throws and nobody catches, in apps without an error handler of their own.

const needsMore = (agent: AgentIdentity): void => agent.requireScope('data:erase')
const needsTrust = (agent: AgentIdentity): void => agent.requireTrust('first_party')

type Start = (gate: Stack['gate']) => Promise<string>

const expressApp =
  (express: typeof express5): Start =>
  (gate) => {
    // Express prints what nobody handles.
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => printed.mockRestore())
    const app = express()
    app.use(forExpress.zeroid({ gate, optional: true }))
    app.get('/scope', (request) => needsMore(forExpress.identityOf(request)))
    app.get('/trust', (request) => needsTrust(forExpress.identityOf(request)))
    return listenOn(createServer(app))
  }

const frameworks: Record<string, Start> = {
  'Express 5': expressApp(express5),
  'Express 4': expressApp(express4 as never),
  async 'Fastify 5'(gate) {
    const app = fastify()
    onTestFinished(() => app.close())
    app.register(forFastify.zeroid({ gate, optional: true }))
    app.get('/scope', async (request) => needsMore(forFastify.identityOf(request)))
    app.get('/trust', async (request) => needsTrust(forFastify.identityOf(request)))
    return await app.listen({ host: '127.0.0.1', port: 0 })
  },
  'Hono 4'(gate) {
    const app = new Hono()
    app.use(forHono.zeroid({ gate, optional: true }))
    app.get('/scope', (c) => {
      needsMore(forHono.identityOf(c))
      return c.text('not reached')
    })
    app.get('/trust', (c) => {
      needsTrust(forHono.identityOf(c))
      return c.text('not reached')
    })
    const { fetch } = app
    return listenOn(createAdaptorServer({ fetch, overrideGlobalObjects: false }) as Server)
  },
}

describe.each(Object.entries(frameworks))('%s', (_name, start) => {
  test('answers a refusal that a handler throws with its own status', async () => {
    const { zeroid, gate } = await startStack()
    const url = await start(gate)
    const agent = await zeroid.agent({ trustLevel: 'unverified' })
    const token = await zeroid.mint({ agent, scopes: ['data:read'] })
    const ask = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(url + path, { headers })).status
    const authorization = `Bearer ${token}`
    expect(await ask('/scope', { authorization })).toBe(403)
    expect(await ask('/trust', { authorization })).toBe(403)
    expect(await ask('/scope', {})).toBe(401)
  })
})
