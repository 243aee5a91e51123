import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { describe, expect, test } from 'vitest'
import { identityOf, zeroid } from '../../src/adapters/hono.ts'
import type { Gate } from '../../src/gate.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

interface Site {
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>
  readonly watches: () => number
}

/** An app that is asked without any server, as tests and other runtimes do. */
function siteOf(gate: Gate, token: string): Site {
  const headers = { authorization: `Bearer ${token}` }
  const app = new Hono().use(zeroid({ gate }))
  app.use(async (c, next) => {
    void identityOf(c).signal
    await next()
  })
  app.onError((_error, c) => c.text('mine', 500))
  app.get('/json', (c) => c.json({ here: true }, 201, { 'x-mine': '1' }))
  app.get('/nothing', (c) => c.body(null, 204))
  app.get('/throw', () => {
    throw new Error('mine')
  })
  app.get('/throw-text', () => {
    throw 'no error at all'
  })
  app.get('/stream', (c) =>
    stream(c, async (out) => {
      await out.write('open')
      const { signal } = identityOf(c)
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve())
        out.onAbort(resolve)
      })
      if (signal.aborted) await out.write(signal.reason.code)
    }),
  )
  return {
    ask: async (path, init) => await app.request(path, { headers, ...init }),
    watches: () => gate.status().watches,
  }
}

async function site(): Promise<Site> {
  const { zeroid, gate } = await startStack()
  return siteOf(gate, await zeroid.mint())
}

describe('without a server an answer is over', () => {
  test('when its body was read, and it is what the handler said', async () => {
    const { ask, watches } = await site()
    const answer = await ask('/json')
    expect(watches()).toBe(1)
    const said = [answer.status, answer.headers.get('x-mine'), answer.headers.get('content-type')]
    expect(said).toEqual([201, '1', 'application/json'])
    expect(await answer.json()).toEqual({ here: true })
    expect(watches()).toBe(0)
  })

  test.each(['/nothing', '/nowhere', '/throw'])(
    'when it has none or is an error: %s',
    async (path) => {
      const { ask, watches } = await site()
      await (await ask(path)).text()
      expect(watches()).toBe(0)
    },
  )

  test('when it is that of a HEAD, whose body nobody reads', async () => {
    const { ask, watches } = await site()
    expect((await ask('/json', { method: 'HEAD' })).status).toBe(201)
    expect(watches()).toBe(0)
  })

  test('when a handler throws what is no error', async () => {
    const { ask, watches } = await site()
    await expect(ask('/throw-text')).rejects.toBe('no error at all')
    expect(watches()).toBe(0)
  })

  test('when nobody wants to read on', async () => {
    const { ask, watches } = await site()
    const answer = await ask('/stream')
    const reader = answer.body?.getReader()
    expect(`${Buffer.from((await reader?.read())?.value ?? [])}`).toBe('open')
    expect(watches()).toBe(1)
    await reader?.cancel()
    expect(watches()).toBe(0)
  })

  test('when its client leaves', async () => {
    const { ask, watches } = await site()
    const leaving = new AbortController()
    await ask('/stream', { signal: leaving.signal })
    expect(watches()).toBe(1)
    leaving.abort()
    await until(() => watches() === 0)
  })

  test('when its agent is revoked, which it can still say', async () => {
    const { zeroid, gate } = await startStack()
    const agent = await zeroid.agent()
    const { ask, watches } = siteOf(gate, await zeroid.mint({ agent }))
    const answer = await ask('/stream')
    expect(watches()).toBe(1)
    await zeroid.signal({ agent })
    expect(await answer.text()).toBe('opentoken_inactive')
    expect(watches()).toBe(0)
  })
})

test('without a server a request that passes twice needs one proof', async () => {
  const { zeroid: server, gate } = await startStack()
  const key = makeProofKey()
  const token = await server.mint({ boundTo: key.thumbprint })
  const app = new Hono().use(zeroid({ gate })).use(zeroid({ gate }))
  app.get('/', (c) => c.text('in'))
  const ask = async (dpop: string): Promise<number> =>
    (await app.request('http://x/', { headers: { authorization: `DPoP ${token}`, dpop } })).status
  const one = proof({ key, url: 'http://x/', token })
  expect(await ask(one)).toBe(200)
  expect(await ask(one)).toBe(401)
})
