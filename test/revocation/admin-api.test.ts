import { describe, expect, it, onTestFinished } from 'vitest'
import { createAdminApi } from '../../src/revocation/admin-api.ts'
import { createUpstream } from '../../src/upstream.ts'
import { demo } from '../helpers/follow.ts'
import { createHold } from '../helpers/hold.ts'
import { answering, sendJson, startServer } from '../helpers/server.ts'

async function start() {
  const server = await startServer()
  const upstream = createUpstream({
    url: server.url,
    connections: { tokens: 2, lists: 2, identities: 2 },
  })
  onTestFinished(() => upstream.close())
  const refusals: unknown[] = []
  const api = createAdminApi({
    upstream,
    prefix: '/api/v1',
    credentials: {
      authorization: async () => 'Bearer admin',
      refused: (status, sent) => void refusals.push([status, sent]),
      accepted: () => {},
      problem: () => undefined,
    },
  })
  /** Serves these signals, newest first, as the server would: as many as asked for. */
  const serve = (signals: readonly unknown[]): void => {
    for (const limit of [1, 5, 25, 100, 500]) {
      server.on(`/api/v1/signals?limit=${limit}`, (_request, response) =>
        sendJson(response, { signals: signals.slice(0, limit) }),
      )
    }
  }
  const asked = (): (string | undefined)[] => server.seen.map(({ path }) => path.split('limit=')[1])
  return { server, api, serve, asked, refusals }
}

/** So many signals, of which each is so long. */
const signals = (count: number, length: number): unknown[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `signal-${index}`,
    payload: { text: 'x'.repeat(length) },
  }))

describe('a page of the signal list', () => {
  it('is full where it is as long as asked for, and only then', async () => {
    const { api, serve } = await start()
    serve(signals(120, 100))
    expect(await api.page(demo, 100)).toMatchObject({ full: true, entries: { length: 100 } })
    expect(await api.page(demo, 500)).toMatchObject({ full: false, entries: { length: 120 } })
    serve([])
    expect(await api.page(demo, 100)).toEqual({ full: false, entries: [] })
  })

  it.each([
    ['of five that are nearly a mebibyte long each', 5, 900_000, 1, ['100', '25', '5', '1']],
    ['of a hundred that are ten kilobytes long each', 100, 10_000, 25, ['100', '25']],
  ])(
    '%s is the newest of them, and counts as full',
    async (_title, count, length, read, limits) => {
      const { api, serve, asked } = await start()
      const all = signals(count, length)
      serve(all)
      expect(await api.page(demo, 100)).toEqual({ full: true, entries: all.slice(0, read) })
      expect(asked()).toEqual(limits)
    },
  )

  it('that is too wide is read as the usual one', async () => {
    const { api, serve, asked } = await start()
    serve(signals(500, 2_000))
    expect(await api.page(demo, 500)).toMatchObject({ full: true, entries: { length: 100 } })
    expect(asked()).toEqual(['500', '100'])
  })

  it('of a single signal that is six times as long in JSON as the server takes is read', async () => {
    const { server, api, serve } = await start()
    const body = `{"signals":[{"id":"one","payload":"${'\\u003c'.repeat(1_048_576)}"}]}`
    serve(signals(5, 900_000))
    server.on('/api/v1/signals?limit=1', answering(200, 'application/json', body))
    expect(await api.page(demo, 100)).toMatchObject({ full: true, entries: [{ id: 'one' }] })
  })

  it('cannot be read where not even the newest signal can, or for any other fault', async () => {
    const { server, api, serve, asked } = await start()
    serve(signals(1, 9_000_000))
    await expect(api.page(demo, 100)).rejects.toMatchObject({ code: 'too_large' })
    server.on('/api/v1/signals?limit=100', answering(500, 'application/json', '{}'))
    const before = asked().length
    await expect(api.page(demo, 100)).rejects.toMatchObject({ code: 'unexpected_status' })
    expect(asked().slice(before)).toEqual(['100'])
  })
})

describe('the admin routes', () => {
  it('tell a refusal with the credential that was refused', async () => {
    const { server, api, refusals } = await start()
    server.on('/api/v1/signals?limit=100', answering(403, 'application/json', '{}'))
    server.on('/api/v1/identities/one', answering(401, 'application/json', '{}'))
    server.on('/api/v1/signals/stream', answering(401, 'application/json', '{}'))
    await expect(api.page(demo, 100)).rejects.toThrow('403')
    await expect(api.wimseUri(demo, 'one')).rejects.toThrow('401')
    const stream = await api.stream(demo, AbortSignal.timeout(5_000))
    stream.body.resume()
    expect(refusals).toEqual([
      [403, 'Bearer admin'],
      [401, 'Bearer admin'],
      [401, 'Bearer admin'],
    ])
  })

  it('read the lists while look-ups hang', async () => {
    const { server, api, serve } = await start()
    const hold = createHold()
    server.on('/api/v1/identities/one', hold.route)
    serve(signals(1, 10))
    const hanging = Array.from({ length: 10 }, () => api.wimseUri(demo, 'one'))
    await hold.reached(2)
    expect(await api.page(demo, 100)).toMatchObject({ full: false })
    // Answers two at a time, as they are let through.
    server.on('/api/v1/identities/one', { wimse_uri: 'spiffe://a/b' })
    hold.release({ wimse_uri: 'spiffe://a/b' })
    expect(new Set(await Promise.all(hanging))).toEqual(new Set(['spiffe://a/b']))
  })
})

describe('only the server itself', () => {
  const path = '/api/v1/identities/11111111-2222-4333-8444-555555555555'
  const id = '11111111-2222-4333-8444-555555555555'
  const problem = '{"title":"Not Found","status":404,"detail":"identity not found"}'

  it("may say that an identity is not the tenant's", async () => {
    const { server, api } = await start()
    server.on(path, answering(404, 'application/problem+json', problem))
    expect(await api.wimseUri(demo, id)).toBeUndefined()
  })

  it.each([
    ['a gateway without a route', '{"message":"no Route matched with those values"}', {}],
    ['problem details of something else', '{"status":404,"detail":"no such path"}', {}],
    ['a cache', problem, { Age: '5' }],
  ])('%s may not', async (_title, body, headers) => {
    const { server, api } = await start()
    server.on(path, answering(404, 'application/json', body, headers))
    await expect(api.wimseUri(demo, id)).rejects.toThrow(/HTTP 404|cache/)
  })

  it('proves that nothing was signalled: a cache does not', async () => {
    const { server, api } = await start()
    server.on(
      '/api/v1/signals?limit=100',
      answering(200, 'application/json', '{"signals":[]}', { Age: '5' }),
    )
    await expect(api.page(demo, 100)).rejects.toThrow('cache')
  })
})
