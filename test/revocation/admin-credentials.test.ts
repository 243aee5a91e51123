import { describe, expect, it, onTestFinished } from 'vitest'
import { createAdminCredentials } from '../../src/revocation/admin-credentials.ts'
import { createUpstream } from '../../src/upstream.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { createFeedRecorder, demo, startFollowed } from '../helpers/follow.ts'
import { startProxy } from '../helpers/proxy.ts'
import { answering, sendJson, startServer } from '../helpers/server.ts'
import { until } from '../helpers/until.ts'

const tokenPath = '/oauth2/token'

async function setUp(given: { apiKey?: string; adminToken?: string }) {
  const clock: FakeClock = createFakeClock()
  const server = await startServer()
  const seen = createFeedRecorder()
  const upstream = createUpstream({ url: server.url })
  onTestFinished(() => upstream.close())
  let serial = 0
  server.on(tokenPath, (_request, response) =>
    sendJson(response, { access_token: `token-${++serial}`, expires_in: 100 }),
  )
  const credentials = createAdminCredentials({
    upstream,
    clock,
    observer: seen.observer,
    apiKey: given.apiKey,
    adminToken: given.adminToken,
  })
  return { clock, server, seen, credentials, exchanges: () => server.count(tokenPath) }
}

const key = { apiKey: 'zid_sk_secret' }

describe('the credentials of the admin routes', () => {
  it('are none where none are configured', async () => {
    const { credentials, server } = await setUp({})
    expect(await credentials.authorization()).toBeUndefined()
    expect(server.seen).toEqual([])
  })

  it('are the static token as it is', async () => {
    const { credentials, server } = await setUp({ adminToken: 'static' })
    expect(await credentials.authorization()).toBe('Bearer static')
    expect(server.seen).toEqual([])
  })

  it('are a token that the API key was exchanged for, once for all who wait', async () => {
    const { credentials, server, exchanges } = await setUp(key)
    const all = await Promise.all([1, 2, 3, 4].map(() => credentials.authorization()))
    expect(all).toEqual(Array(4).fill('Bearer token-1'))
    expect(exchanges()).toBe(1)
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      grant_type: 'api_key',
      api_key: 'zid_sk_secret',
      scope: 'nhi:manage',
    })
  })

  it('are renewed when four fifths of their life are over', async () => {
    const { credentials, clock } = await setUp(key)
    await credentials.authorization()
    clock.advance(79_999)
    expect(await credentials.authorization()).toBe('Bearer token-1')
    clock.advance(1)
    expect(await credentials.authorization()).toBe('Bearer token-2')
  })

  it('serve for the rest of their life while they cannot be renewed, and no longer', async () => {
    const { credentials, clock, server } = await setUp(key)
    await credentials.authorization()
    server.on(tokenPath, answering(503, 'text/plain'))
    clock.advance(80_000)
    expect(await credentials.authorization()).toBe('Bearer token-1')
    expect(await credentials.authorization()).toBe('Bearer token-1')
    clock.advance(19_999)
    expect(await credentials.authorization()).toBe('Bearer token-1')
    clock.advance(1)
    await expect(credentials.authorization()).rejects.toThrow()
  })

  it('are exchanged anew after the server refused them', async () => {
    const { credentials, clock } = await setUp(key)
    expect(await credentials.authorization()).toBe('Bearer token-1')
    credentials.refused(401, 'Bearer token-1')
    clock.advance(1_000)
    expect(await credentials.authorization()).toBe('Bearer token-2')
  })

  it('stay in use where one tenant is forbidden, and are exchanged again a minute later', async () => {
    const { credentials, clock, exchanges } = await setUp(key)
    await credentials.authorization()
    for (let turn = 0; turn < 59; turn++) {
      credentials.refused(403, 'Bearer token-1')
      expect(await credentials.authorization()).toBe('Bearer token-1')
      clock.advance(1_000)
    }
    expect(exchanges()).toBe(1)
    clock.advance(1_000)
    // The key may have been given more rights since.
    expect(await credentials.authorization()).toBe('Bearer token-2')
  })

  it('stay in use where a refusal of those before them comes late', async () => {
    const { credentials, clock, seen, exchanges } = await setUp(key)
    await credentials.authorization()
    credentials.refused(401, 'Bearer token-1')
    clock.advance(1_000)
    expect(await credentials.authorization()).toBe('Bearer token-2')
    credentials.accepted()
    credentials.refused(401, 'Bearer token-1')
    expect(await credentials.authorization()).toBe('Bearer token-2')
    expect(credentials.problem()).toBeUndefined()
    expect(exchanges()).toBe(2)
    expect(seen.notes).toHaveLength(1)
  })

  it('are waited for by all while they are exchanged anew', async () => {
    const { credentials, clock, exchanges } = await setUp(key)
    await credentials.authorization()
    clock.advance(1_000)
    credentials.refused(401, 'Bearer token-1')
    const waiting = [1, 2, 3].map(() => credentials.authorization())
    credentials.refused(401, 'Bearer token-1')
    waiting.push(credentials.authorization())
    expect(await Promise.all(waiting)).toEqual(Array(4).fill('Bearer token-2'))
    expect(exchanges()).toBe(2)
  })

  it('are exchanged once a second at most, whatever becomes of it', async () => {
    const { credentials, clock, server, exchanges } = await setUp(key)
    server.on(tokenPath, answering(401, 'application/json', '{}'))
    for (let turn = 0; turn < 10; turn++) {
      await expect(credentials.authorization()).rejects.toThrow()
    }
    expect(exchanges()).toBe(1)
    clock.advance(1_000)
    await expect(credentials.authorization()).rejects.toThrow()
    expect(exchanges()).toBe(2)
  })

  it.each([
    ['500', answering(500, 'application/json', '{}')],
    ['HTML', answering(200, 'text/html', '<h1>hi</h1>')],
    ['no token', answering(200, 'application/json', '{"expires_in":10}')],
    ['an empty token', answering(200, 'application/json', '{"access_token":"","expires_in":10}')],
    ['no life', answering(200, 'application/json', '{"access_token":"a"}')],
    [
      'a life that is over',
      answering(200, 'application/json', '{"access_token":"a","expires_in":0}'),
    ],
    [
      'a life that is text',
      answering(200, 'application/json', '{"access_token":"a","expires_in":"9"}'),
    ],
  ])('cannot be had where the exchange answers %s', async (_title, route) => {
    const { credentials, server } = await setUp(key)
    server.on(tokenPath, route)
    await expect(credentials.authorization()).rejects.toMatchObject({ name: 'UpstreamError' })
  })

  it('name the setting to look at, once, and never the key', async () => {
    const { credentials, clock, server, seen } = await setUp(key)
    server.on(tokenPath, answering(401, 'application/json', '{}'))
    for (let turn = 0; turn < 3; turn++) {
      await expect(credentials.authorization()).rejects.toThrow()
      clock.advance(1_000)
    }
    expect(credentials.problem()).toContain('ZEROID_API_KEY')
    expect(seen.notes.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(JSON.stringify([seen.notes, credentials.problem()])).not.toContain('zid_sk_secret')
  })

  it.each([
    [{}, 'set ZEROID_API_KEY or ZEROID_ADMIN_TOKEN, or GATE_SIGNALS=off'],
    [{ adminToken: 'x' }, 'check ZEROID_API_KEY or ZEROID_ADMIN_TOKEN'],
  ])('tell the remedy of a refusal until they are taken: %j', async (given, remedy) => {
    const { credentials, seen } = await setUp(given)
    const sent = await credentials.authorization()
    credentials.refused(403, sent)
    credentials.refused(403, sent)
    expect(credentials.problem()).toContain(remedy)
    expect(credentials.problem()).toContain('403')
    expect(seen.notes).toEqual([expect.objectContaining({ level: 'error' })])
    credentials.accepted()
    expect(credentials.problem()).toBeUndefined()
  })

  it('complain once a minute where one tenant is forbidden and another is not', async () => {
    const { credentials, seen, clock } = await setUp({ adminToken: 'x' })
    for (let turn = 0; turn < 120; turn++) {
      credentials.refused(403, 'Bearer x')
      expect(credentials.problem()).toContain('ZEROID_ADMIN_TOKEN')
      credentials.accepted()
      clock.advance(1_000)
    }
    expect(seen.notes.map(({ level }) => level)).toEqual(['error', 'error'])
  })
})

describe('a server that guards its admin routes', () => {
  const guarded = { adminToken: 'admin-secret' }

  it('is followed with the static token', async () => {
    const { zeroid, say, aged, feed } = await startFollowed({ adminToken: 'admin-secret' }, guarded)
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('is followed with an API key, beyond the life of its tokens', async () => {
    const clock = createFakeClock()
    const { zeroid, aged } = await startFollowed({ clock, soon: true, signals: false }, guarded)
    const manager = await zeroid.agent({ scopes: ['nhi:manage'] })
    const { say, feed, gate } = await startFollowed({
      clock,
      signalPoll: 300_000,
      apiKey: manager.apiKey,
      through: async () => zeroid.url,
    })
    for (let turn = 0; turn < 26; turn++) {
      const before = zeroid.requests.count('signals')
      clock.advance(300_000)
      await until(() => zeroid.requests.count('signals') > before)
      await until(() => (feed().proofAge ?? 1) < 1)
      expect(gate.status().warnings).toEqual([])
    }
    expect(zeroid.requests.count('token')).toBeGreaterThanOrEqual(3)
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.signal({ agent })
    await until(
      () => feed().marks === 1,
      () => clock.advance(100),
    )
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it.each([401, 403])(
    'answers %i: loud, not ready where configured, tokens served by introspection',
    async (status) => {
      const { zeroid, gate, say, aged, feed, seen, clock } = await startFollowed({
        soon: true,
        signalPoll: 5_000,
        through: async (emulator) => {
          emulator.faults.set('signals', { status })
          emulator.faults.set('stream', { status })
          return emulator.url
        },
      })
      const [token, dead] = [await aged(), await aged()]
      await until(() => gate.status().warnings.length === 1)
      expect(gate.status().warnings[0]).toContain(`HTTP ${status}`)
      expect(gate.status().ready).toBe(false)
      expect(gate.status().problems.join()).toContain('acct-demo/proj-demo')
      expect(seen.notes.filter(({ level }) => level === 'error')).toHaveLength(1)
      expect(await say(token)).toBe('allow introspected')
      await zeroid.revoke(dead)
      expect(await say(dead)).toBe('deny token_inactive')
      zeroid.faults.clear()
      await until(
        () => gate.status().ready && feed().state === 'live',
        () => clock.advance(500),
      )
      expect(gate.status().warnings).toEqual([])
    },
  )

  it('forbids one tenant: the other is followed with the same token', async () => {
    const clock = createFakeClock()
    const { zeroid, aged } = await startFollowed({ clock, soon: true, signals: false }, guarded)
    const manager = await zeroid.agent({ scopes: ['nhi:manage'] })
    const proxy = await startProxy(zeroid.url, (request, response) => {
      const forbidden = request.headers['x-account-id'] === 'acct-two'
      if (forbidden) response.writeHead(403).end()
      return forbidden
    })
    const { feed, say, gate, seen } = await startFollowed({
      clock,
      signalPoll: 500,
      tenants: [demo, { accountId: 'acct-two', projectId: 'proj-two' }],
      apiKey: manager.apiKey,
      through: async () => proxy.url,
    })
    for (let turn = 0; turn < 20; turn++) {
      const before = zeroid.requests.count('signals')
      await until(
        () => zeroid.requests.count('signals') > before,
        () => clock.advance(100),
      )
    }
    expect(zeroid.requests.count('token')).toBe(1)
    expect(seen.notes.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(gate.status().problems.join()).toContain('acct-two')
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('refuses under auto: loud, ready all the same', async () => {
    const { gate, say, aged } = await startFollowed({ tenants: 'auto', soon: true }, guarded)
    expect(await say(await aged())).toBe('allow introspected')
    await until(() => gate.status().warnings.length === 1)
    expect(gate.status().ready).toBe(true)
    expect(gate.status().warnings[0]).toContain('GATE_SIGNALS=off')
  })
})
