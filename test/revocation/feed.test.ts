import { describe, expect, it } from 'vitest'
import type { Agent } from '../../src/emulator/index.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Followed } from '../helpers/follow.ts'
import { demo, eventOf, never, signalOf, startFollowed } from '../helpers/follow.ts'
import { startProxy } from '../helpers/proxy.ts'
import { bearer } from '../helpers/stack.ts'
import { quiet, until } from '../helpers/until.ts'

const denied = async (say: Followed['say'], token: string): Promise<boolean> =>
  (await say(token)).startsWith('deny ')

/** A warm token of an agent: asked about once, then allowed from memory. */
async function warm(
  { aged, say, zeroid }: Followed,
  agent?: Holder,
  claims?: Record<string, unknown>,
): Promise<{ agent: Holder; token: string }> {
  const holder = agent ?? (await zeroid.agent())
  const token = await aged(holder, claims)
  expect(await say(token)).toBe('allow introspected')
  return { agent: holder, token }
}

type Holder = Pick<Agent, 'id' | 'account' | 'project'>

const utf8 = (header: unknown): string => Buffer.from(String(header), 'latin1').toString('utf8')

/** A clock at 400 ms past a second. */
const midSecond = () => createFakeClock(Math.floor(Date.now() / 1000) * 1000 + 400)

describe('severity', () => {
  it.each(['high', 'critical', 'fatal', '', 'LOW'])(
    'a signal of severity "%s" kills the token without a question to the server',
    async (severity) => {
      const followed = await startFollowed()
      const { zeroid, say, asked, feed } = followed
      const { agent, token } = await warm(followed)
      const before = asked()
      await zeroid.signal({ agent, severity })
      await until(() => feed().marks === 1)
      expect(await say(token)).toBe('deny revoked_by_signal')
      expect(asked()).toBe(before)
    },
  )

  it.each(['low', 'medium'])('a signal of severity %s has no effect', async (severity) => {
    const followed = await startFollowed()
    const { zeroid, say, asked, seen } = followed
    const { agent, token } = await warm(followed)
    const before = asked()
    await zeroid.signal({ agent, severity })
    await until(() => seen.signals.includes('informing by stream'))
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(before)
  })

  it.each(['deactivate', 'expire'] as const)('a retirement kills the token: %s', async (how) => {
    const followed = await startFollowed()
    const { agent, token } = await warm(followed)
    await followed.zeroid[how](agent)
    await until(() => denied(followed.say, token))
  })

  it('a signal about one agent leaves the others alone', async () => {
    const followed = await startFollowed()
    const { zeroid, say, asked, feed } = followed
    const { token } = await warm(followed)
    const other = await zeroid.agent()
    const before = asked()
    await zeroid.signal({ agent: other })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(before)
  })
})

describe('time of issue', () => {
  it('a token issued after the signal passes, and those before it stay dead', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock } = followed
    const { agent, token } = await warm(followed)
    await zeroid.signal({ agent })
    await until(() => denied(say, token))
    clock.advance(5_000)
    expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
    expect(await say(token)).toMatch(/^deny /)
  })

  it('a token minted just before the signal in the same second ends up denied', async () => {
    const { zeroid, say, clock, feed } = await startFollowed({ clock: midSecond() })
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent })
    expect(await say(token)).toBe('allow minted')
    clock.advance(50)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny token_inactive')
  })

  it('a token minted just after the signal in the same second ends up allowed', async () => {
    const { zeroid, say, clock, feed, asked } = await startFollowed({ clock: midSecond() })
    const agent = await zeroid.agent()
    await zeroid.signal({ agent })
    clock.advance(50)
    const token = await zeroid.mint({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('allow introspected')
    clock.advance(3_000)
    expect(await say(token)).toBe('allow introspected')
    const settled = asked()
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(settled)
  })

  it.each(['legacy', 'rfc8693'] as const)(
    'a revocation that comes some time after its signal is not missed: %s',
    async (profile) => {
      const { zeroid, say, clock, feed } = await startFollowed(
        { clock: midSecond() },
        { revokeDelay: 250, profile },
      )
      const agent = await zeroid.agent()
      const token = await zeroid.mint({ agent })
      const revocation = zeroid.signal({ agent })
      await until(() => feed().marks === 1)
      expect(zeroid.active(token)).toBe(true)
      expect(await say(token)).toBe('allow introspected')
      await revocation
      expect(await say(token)).toBe('deny token_inactive')
      clock.advance(10_000)
      expect(await say(token)).toBe('deny token_inactive')
    },
  )

  it('a date that cannot be read counts as the time of the server', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock, feed } = followed
    const { agent, token } = await warm(followed)
    await zeroid.signal({ agent, createdAt: 'yesterday' })
    await until(() => denied(say, token))
    expect(feed().state).toBe('live')
    clock.advance(5_000)
    expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
  })

  it('a date ahead of the server kills nothing that is issued later', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock } = followed
    const { agent, token } = await warm(followed)
    const createdAt = new Date(clock.now() + 3_600_000).toISOString()
    await zeroid.signal({ agent, createdAt })
    await until(() => denied(say, token))
    clock.advance(5_000)
    expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
  })

  it('a date of long ago kills nothing that was issued since', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock, feed } = followed
    const agent = await zeroid.agent()
    const createdAt = new Date(clock.now() - 3_600_000).toISOString()
    await zeroid.signal({ agent, createdAt })
    await until(() => feed().marks === 1)
    expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
  })
})

describe('order and repetition', () => {
  it('a signal that comes three times counts once', async () => {
    const followed = await startFollowed()
    const { zeroid, say, seen, feed } = followed
    const { agent, token } = await warm(followed)
    zeroid.streams.duplicate(3)
    await zeroid.signal({ agent })
    await until(() => denied(say, token))
    await quiet()
    expect(seen.signals).toEqual(['revoking by stream'])
    expect(seen.lags).toHaveLength(1)
    expect(feed()).toMatchObject({ marks: 1, pending: 0 })
  })

  it('an old signal after a new one does not lower the mark', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock, seen, feed } = followed
    const { agent, token } = await warm(followed)
    zeroid.streams.silent(true)
    await zeroid.signal({ agent })
    zeroid.streams.normal()
    const createdAt = new Date(clock.now() - 3_600_000).toISOString()
    for (const created_at of [undefined, createdAt]) {
      const changed = created_at === undefined ? {} : { created_at }
      zeroid.streams.raw(eventOf(signalOf(agent, clock.now(), changed)))
    }
    await until(() => seen.lags.length === 2)
    expect(feed()).toMatchObject({ marks: 1, pending: 0 })
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('signals that change places are all enforced', async () => {
    const followed = await startFollowed()
    const { zeroid, say } = followed
    const victims = await Promise.all([1, 2, 3, 4].map(() => warm(followed)))
    zeroid.streams.reorder(true)
    for (const { agent } of victims) await zeroid.signal({ agent })
    for (const { token } of victims) {
      await until(() => denied(say, token))
    }
  })
})

describe('delegation', () => {
  it.each(['legacy', 'rfc8693'] as const)(
    'a revoked root takes five levels of delegation along: %s',
    async (profile) => {
      const { zeroid, say, clock, feed } = await startFollowed({}, { profile })
      const root = await zeroid.agent()
      const chain = [await zeroid.mint({ agent: root })]
      for (let level = 0; level < 5; level++) {
        chain.push(await zeroid.delegate(chain.at(-1) as string))
      }
      clock.advance(5_000)
      for (const token of chain) expect(await say(token)).toBe('allow minted')
      await zeroid.signal({ agent: root })
      await until(() => feed().marks === 1)
      for (const token of chain) expect(await say(token)).toMatch(/^deny /)
    },
  )

  it.each(['legacy', 'rfc8693'] as const)(
    'a revoked link in the middle leaves those above it alone: %s',
    async (profile) => {
      const { zeroid, say, clock, feed } = await startFollowed({}, { profile })
      const middle = await zeroid.agent()
      const top = await zeroid.mint()
      const linked = await zeroid.delegate(top, { to: middle })
      const below = await zeroid.delegate(linked)
      const last = await zeroid.delegate(below)
      clock.advance(5_000)
      for (const token of [top, linked, below, last]) expect(await say(token)).toBe('allow minted')
      await zeroid.signal({ agent: middle })
      await until(() => feed().marks === 1)
      expect(await say(top)).toMatch(/^allow /)
      for (const token of [linked, below, last]) expect(await say(token)).toMatch(/^deny /)
    },
  )

  it('a signal that names a mission makes its tokens asked, and refused if inactive', async () => {
    const followed = await startFollowed()
    const { zeroid, say, asked, feed } = followed
    const mission = { mission_id: 'mission-1' }
    const { token: alive } = await warm(followed, undefined, mission)
    const { token: dead } = await warm(followed, undefined, mission)
    const { token: other } = await warm(followed, undefined, { mission_id: 'mission-2' })
    await zeroid.revoke(dead)
    const before = asked()
    await zeroid.signal({ agent: await zeroid.agent(), missionId: 'mission-1' })
    await until(() => feed().marks === 1)
    expect(await say(alive)).toBe('allow introspected')
    expect(await say(dead)).toBe('deny token_inactive')
    expect(asked()).toBe(before + 2)
    expect(await say(other)).toBe('allow introspected')
    expect(asked()).toBe(before + 2)
  })

  it('a mission_id in the payload counts as well', async () => {
    const followed = await startFollowed()
    const { zeroid, say, feed } = followed
    const { token } = await warm(followed, undefined, { mission_id: 'mission-1' })
    await zeroid.revoke(token)
    const agent = await zeroid.agent()
    await zeroid.signal({ agent, payload: { mission_id: 'mission-1' } })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny token_inactive')
  })

  it('a forged mission_id clears no token', async () => {
    const followed = await startFollowed()
    const { zeroid, say } = followed
    const { agent, token } = await warm(followed, undefined, { mission_id: 'somewhere-else' })
    await zeroid.signal({ agent, missionId: 'mission-1' })
    await until(() => denied(say, token))
  })

  it('a subject that is no WIMSE URI is asked about, and refused if inactive', async () => {
    const followed = await startFollowed()
    const { zeroid, say, feed, asked } = followed
    const agent = await zeroid.agent()
    const { token } = await warm(followed, agent, { sub: 'custom-subject' })
    const before = asked()
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny token_inactive')
    expect(asked()).toBe(before + 1)
  })
})

describe('revocation without any signal', () => {
  it('a silent revocation is seen within the bound and not by the feed', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock } = followed
    const { token } = await warm(followed)
    await zeroid.revoke(token)
    expect(await say(token)).toBe('allow introspected')
    clock.advance(30_001)
    expect(await say(token)).toBe('deny token_inactive')
  })

  it('a token in use is renewed in the background and refused from then on', async () => {
    const followed = await startFollowed()
    const { zeroid, say, clock } = followed
    const { token } = await warm(followed)
    await zeroid.revoke(token)
    clock.advance(15_001)
    expect(await say(token)).toBe('allow introspected')
    await until(async () => (await say(token)) === 'deny token_inactive')
  })
})

describe('the mint as evidence', () => {
  it('a token just minted costs no introspection', async () => {
    const { zeroid, say, asked } = await startFollowed()
    const token = await zeroid.mint()
    expect(await say(token)).toBe('allow minted')
    expect(await say(token)).toBe('allow minted')
    expect(asked()).toBe(0)
  })

  it('a token older than half the bound is asked about', async () => {
    const { zeroid, say, clock, asked } = await startFollowed()
    const token = await zeroid.mint()
    clock.advance(15_001)
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(1)
  })

  it('a token is asked about while the feed is not live', async () => {
    const { zeroid, say, feed, asked } = await startFollowed()
    zeroid.faults.set('stream', { status: 503 })
    zeroid.streams.drop()
    await until(() => feed().state === 'lost')
    expect(await say(await zeroid.mint())).toBe('allow introspected')
    expect(asked()).toBe(1)
  })

  it('a token is asked about where it is older than what is known', async () => {
    const { zeroid, say, gate, asked } = await startFollowed()
    const many = await zeroid.agent()
    const token = await zeroid.mint()
    for (let row = 0; row < 501; row++) {
      await zeroid.signal({ agent: many, severity: 'low' })
    }
    zeroid.streams.drop('reset')
    await until(() => gate.status().tenants[0]?.knownSince !== new Date(0).toISOString())
    await until(() => gate.status().tenants[0]?.state === 'live')
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(1)
  })

  it('a mint is no evidence in the second of a signal about its agent', async () => {
    const { zeroid, say, feed, asked } = await startFollowed()
    const agent = await zeroid.agent()
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(await zeroid.mint({ agent }))).toBe('allow introspected')
    expect(asked()).toBe(1)
  })
})

describe('local mode', () => {
  it('allows by signature and live feed, denies by signal, and never asks', async () => {
    const { zeroid, aged, say, asked } = await startFollowed({ mode: 'local' })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    const other = await aged()
    expect(await say(token)).toBe('allow signals')
    await zeroid.signal({ agent })
    await until(() => denied(say, token))
    expect(await say(other)).toBe('allow signals')
    expect(asked()).toBe(0)
  })

  it('answers 503 feed_not_live once the feed was not proved within the bound', async () => {
    const { zeroid, aged, say, present, clock, asked } = await startFollowed({ mode: 'local' })
    const token = await aged()
    await zeroid.pause()
    expect(await say(token)).toBe('allow signals')
    clock.advance(30_001)
    expect(await say(token)).toBe('unknown feed_not_live')
    const answer = await present(token)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    await zeroid.resume()
    await until(
      async () => (await say(token)) === 'allow signals',
      () => clock.advance(500),
    )
    expect(asked()).toBe(0)
  })

  it('is not proved by a stream alone while the list cannot be read', async () => {
    const { zeroid, aged, say, clock, feed } = await startFollowed({
      mode: 'local',
      streamRenew: 5_000,
    })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    zeroid.faults.set('signals', { status: 500 })
    zeroid.streams.silent(true)
    await zeroid.signal({ agent })
    let renewals = zeroid.requests.count('stream')
    for (let age = 0; age <= 35_000; age += 5_000) {
      clock.advance(5_000)
      await until(() => zeroid.requests.count('stream') > renewals)
      renewals = zeroid.requests.count('stream')
      await quiet()
    }
    expect(feed().state).toBe('live')
    expect(await say(token)).toBe('unknown feed_not_live')
  })

  it('answers 503 for a token issued before what is known', async () => {
    const { zeroid, aged, say, feed } = await startFollowed({ mode: 'local' })
    const token = await aged()
    const many = await zeroid.agent()
    for (let row = 0; row < 501; row++) await zeroid.signal({ agent: many, severity: 'low' })
    zeroid.streams.drop('reset')
    await until(() => feed().state === 'live' && feed().knownSince !== new Date(0).toISOString())
    expect(await say(token)).toBe('unknown issued_before_known')
  })

  it('answers 503 while a signal is not resolved, and then tells', async () => {
    const { zeroid, aged, say, feed, clock } = await startFollowed({ mode: 'local' })
    const agent = await zeroid.agent()
    const [victim, other] = [await aged(agent), await aged()]
    zeroid.faults.set('identities', { status: 500 })
    await zeroid.signal({ agent })
    await until(() => feed().pending === 1)
    expect(await say(victim)).toBe('unknown signal_pending')
    expect(await say(other)).toBe('unknown signal_pending')
    zeroid.faults.clear()
    await until(
      () => feed().pending === 0,
      () => clock.advance(100),
    )
    expect(await say(victim)).toBe('deny revoked_by_signal')
    expect(await say(other)).toBe('allow signals')
  })

  it('refuses to be made without signals', async () => {
    await expect(startFollowed({ mode: 'local', signals: false })).rejects.toThrow(/"signals"/)
  })
})

describe('tenancy', () => {
  const second = { account: 'acct-two', project: 'proj-two' }
  const both = [demo, { accountId: 'acct-two', projectId: 'proj-two' }]

  it('the same subject in two tenants is two subjects', async () => {
    const { zeroid, say, gate, clock } = await startFollowed({ tenants: both })
    const [one, two] = [await zeroid.agent(), await zeroid.agent(second)]
    const iat = Math.floor(clock.now() / 1000) - 60
    const here = await zeroid.mint({ agent: one, iat })
    const there = await zeroid.mint({ agent: two, iat, claims: { sub: one.wimseUri } })
    await until(() => gate.status().ready)
    await zeroid.signal({ agent: one })
    await until(() => denied(say, here))
    expect(await say(there)).toBe('allow introspected')
  })

  it('a signal of another tenant on the stream has no effect', async () => {
    const followed = await startFollowed()
    const { zeroid, say, seen, feed, clock } = followed
    const { agent, token } = await warm(followed)
    const foreign = { account_id: 'acct-two', project_id: 'proj-two' }
    zeroid.streams.raw(eventOf(signalOf(agent, clock.now(), foreign)))
    await until(() => seen.signals.includes('other_tenant by stream'))
    expect(await say(token)).toBe('allow introspected')
    expect(feed()).toMatchObject({ marks: 0, pending: 0, state: 'live' })
  })

  it('a signal about an identity of another tenant has no effect', async () => {
    const { zeroid, say, seen, gate, clock } = await startFollowed({ tenants: both })
    const victim = await zeroid.agent(second)
    const iat = Math.floor(clock.now() / 1000) - 60
    const token = await zeroid.mint({ agent: victim, iat })
    await until(() => gate.status().tenants.every(({ state }) => state === 'live'))
    await zeroid.signal({ identityId: victim.id })
    await until(() => seen.signals.includes('other_identity by stream'))
    expect(await say(token)).toBe('allow introspected')
    expect(gate.status().tenants.map(({ marks, pending }) => [marks, pending])).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  it('ids that hold a colon are not mixed up', async () => {
    const tenants = [
      { accountId: 'a:b', projectId: 'c' },
      { accountId: 'a', projectId: 'b:c' },
    ]
    const { zeroid, say, gate, clock } = await startFollowed({ tenants })
    const one = await zeroid.agent({ account: 'a:b', project: 'c', name: 'x' })
    const two = await zeroid.agent({ account: 'a', project: 'b:c', name: 'x' })
    const iat = Math.floor(clock.now() / 1000) - 60
    const here = await zeroid.mint({ agent: one, iat })
    const there = await zeroid.mint({ agent: two, iat, claims: { sub: one.wimseUri } })
    await until(() => gate.status().tenants.every(({ state }) => state === 'live'))
    await zeroid.signal({ agent: one })
    await until(() => denied(say, here))
    expect(await say(there)).toBe('allow introspected')
  })

  it('a signal that the server streams to the wrong one of two such tenants has no effect', async () => {
    const { zeroid, gate, clock, seen } = await startFollowed({
      tenants: [{ accountId: 'a', projectId: 'b:c' }],
    })
    const agent = await zeroid.agent({ account: 'a', project: 'b:c' })
    const foreign = { account_id: 'a:b', project_id: 'c' }
    zeroid.streams.raw(eventOf(signalOf(agent, clock.now(), foreign)))
    await until(() => seen.signals.length === 1)
    expect(seen.signals).toEqual(['other_tenant by stream'])
    expect(gate.status().tenants[0]).toMatchObject({ marks: 0, pending: 0 })
  })

  it('ids beyond ASCII go to the server as the bytes of UTF-8', async () => {
    const asked: unknown[] = []
    await startFollowed({
      tenants: [{ accountId: 'größe', projectId: '名' }],
      soon: true,
      through: async ({ url }) => {
        const proxy = await startProxy(url, ({ headers }) => {
          if (headers['x-account-id'] !== undefined) {
            asked.push([headers['x-account-id'], headers['x-project-id']].map(utf8))
          }
          return false
        })
        return proxy.url
      },
    })
    await until(() => asked.length >= 2)
    expect(new Set(asked.map(String))).toEqual(new Set(['größe,名']))
  })

  it('tenants that the settings do not name are refused', async () => {
    const { zeroid, say, gate, asked } = await startFollowed()
    const stranger = await zeroid.mint({ agent: await zeroid.agent(second) })
    expect(await say(stranger)).toBe('deny tenant_refused')
    expect(gate.status().tenants).toHaveLength(1)
    expect(asked()).toBe(0)
  })
})

describe('auto', () => {
  const auto = { tenants: 'auto', soon: true } as const

  it('opens a feed at the first valid token, and not before', async () => {
    const { zeroid, say, gate, aged, seen } = await startFollowed(auto)
    expect(gate.status()).toMatchObject({ ready: true, tenants: [] })
    expect(await say('not.a.token')).toMatch(/^deny /)
    const forged = `${(await aged()).slice(0, -8)}AAAAAAAA`
    expect(await say(forged)).toBe('deny bad_signature')
    expect(gate.status().tenants).toEqual([])
    const agent = await zeroid.agent()
    const token = await aged(agent)
    expect(await say(token)).toBe('allow introspected')
    await until(() => gate.status().tenants[0]?.state === 'live')
    await zeroid.signal({ agent })
    await until(() => denied(say, token))
    expect(seen.lags[0]?.tenant).toBe('other')
  })

  it('closes a feed that nobody used for ten minutes, and opens it again', async () => {
    const { zeroid, say, gate, clock } = await startFollowed({ ...auto, streamRenew: never })
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent })
    await say(token)
    await until(() => gate.status().tenants[0]?.state === 'live')
    for (let minute = 0; minute < 9; minute++) clock.advance(60_000)
    expect(gate.status().tenants).toHaveLength(1)
    for (let minute = 0; minute < 3; minute++) clock.advance(60_000)
    expect(gate.status().tenants).toHaveLength(0)
    await until(() => zeroid.streams.open === 0)
    await zeroid.signal({ agent })
    expect(await say(token)).toMatch(/^deny /)
    await until(() => gate.status().tenants[0]?.marks === 1)
    expect(await say(token)).toBe('deny token_inactive')
    const fresh = await zeroid.agent()
    const other = await zeroid.mint({ agent: fresh, iat: Math.floor(clock.now() / 1000) - 60 })
    expect(await say(other)).toBe('allow introspected')
    await zeroid.signal({ agent: fresh })
    await until(() => gate.status().tenants[0]?.marks === 2)
    expect(await say(other)).toBe('deny revoked_by_signal')
  })

  it('keeps a feed that is used', async () => {
    const { zeroid, say, gate, clock } = await startFollowed({ ...auto, streamRenew: never })
    const token = await zeroid.mint()
    await say(token)
    await until(() => gate.status().tenants[0]?.state === 'live')
    for (let minute = 0; minute < 25; minute++) {
      await say(token)
      clock.advance(60_000)
    }
    expect(gate.status().tenants).toHaveLength(1)
    expect(zeroid.requests.count('stream')).toBe(1)
  })

  it('opens no more feeds than it may; further tenants are introspected', async () => {
    const { zeroid, say, gate, seen, asked } = await startFollowed({ ...auto, maxTenants: 2 })
    const tokens: string[] = []
    for (const account of ['one', 'two', 'three', 'four']) {
      const agent = await zeroid.agent({ account })
      tokens.push(await zeroid.mint({ agent }))
    }
    for (const token of tokens) expect(await say(token)).toMatch(/^allow /)
    expect(gate.status().tenants).toHaveLength(2)
    expect(await say(tokens[3] as string)).toBe('allow introspected')
    expect(asked()).toBe(4)
    expect(seen.notes.filter(({ message }) => message.includes('GATE_MAX_TENANTS'))).toHaveLength(1)
  })
})

describe('what is kept', () => {
  it('a configured feed stays open however long nobody uses it', async () => {
    const { zeroid, say, aged, clock, feed } = await startFollowed()
    const agent = await zeroid.agent()
    const token = await aged(agent)
    for (let minute = 0; minute < 30; minute++) clock.advance(60_000)
    expect(feed().state).toBe('live')
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('marks are forgotten when no token can live that they were set on', async () => {
    const followed = await startFollowed({ signalPoll: 60_000, maxTokenLifetime: 60_000 })
    const { zeroid, clock, feed } = followed
    await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => feed().marks === 1)
    clock.advance(60_000)
    await until(() => (feed().proofAge ?? never) < 1_000)
    expect(feed().marks).toBe(1)
    clock.advance(60_000)
    await until(() => feed().marks === 0)
  })

  it('marks are kept for as long as the longest-lived token seen', async () => {
    const followed = await startFollowed({ signalPoll: 60_000, maxTokenLifetime: 60_000 })
    const { zeroid, say, clock, feed } = followed
    const { agent, token } = await warm(followed)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    for (let minute = 0; minute < 58; minute++) {
      clock.advance(60_000)
      await until(() => (feed().proofAge ?? never) < 1_000)
    }
    expect(await say(token)).toBe('deny revoked_by_signal')
    for (let minute = 0; minute < 4; minute++) {
      clock.advance(60_000)
      await until(() => (feed().proofAge ?? never) < 1_000)
    }
    expect(feed().marks).toBe(0)
    expect(await say(token)).toBe('deny token_expired')
  })
})

describe('restart', () => {
  it('a gate started between signal and request denies by the replayed list', async () => {
    const clock = createFakeClock()
    const first = await startFollowed({ clock })
    const { agent, token } = await warm(first)
    await first.zeroid.signal({ agent })
    const { zeroid } = first
    const second = await startFollowed({ clock, through: async () => zeroid.url })
    const before = zeroid.requests.count('introspect')
    await until(() => second.feed().marks === 1)
    expect(await second.say(token)).toBe('deny revoked_by_signal')
    expect(zeroid.requests.count('introspect')).toBe(before)
  })

  it('a gate whose list was not read yet asks', async () => {
    const clock = createFakeClock()
    const first = await startFollowed({ clock })
    const { agent, token } = await warm(first)
    const { zeroid } = first
    await zeroid.signal({ agent })
    zeroid.faults.set('signals', { hang: true })
    zeroid.faults.set('stream', { hang: true })
    const second = await startFollowed({ clock, soon: true, through: async () => zeroid.url })
    expect(second.gate.status().ready).toBe(false)
    expect(await second.say(token)).toBe('deny token_inactive')
  })
})

describe('renewal', () => {
  it('a new stream is live before the old one closes', async () => {
    const { zeroid, feed, clock, seen } = await startFollowed({ streamRenew: 10_000 })
    const least: number[] = []
    for (let round = 1; round <= 5; round++) {
      const before = zeroid.requests.count('stream')
      clock.advance(10_000)
      await until(() => {
        least.push(zeroid.streams.open)
        return zeroid.requests.count('stream') > before && feed().state === 'live'
      })
      await until(() => {
        least.push(zeroid.streams.open)
        clock.advance(100)
        return zeroid.streams.open === 1
      })
    }
    expect(Math.min(...least)).toBe(1)
    expect(Math.max(...least)).toBeLessThanOrEqual(2)
    expect(feed().state).toBe('live')
    expect(seen.notes.filter(({ message }) => message.startsWith('feed '))).toEqual([
      expect.objectContaining({ message: 'feed live' }),
    ])
  })

  it('a stream that the server would deafen is renewed in time: nothing is missed', async () => {
    const { zeroid, say, aged, clock, seen } = await startFollowed(
      { streamRenew: 5_000 },
      { streamDeafAfter: 400 },
    )
    for (let round = 0; round < 4; round++) {
      const agent = await zeroid.agent()
      const token = await aged(agent)
      const before = zeroid.requests.count('stream')
      clock.advance(5_000)
      await until(() => zeroid.requests.count('stream') > before && zeroid.streams.open >= 2)
      await until(() => {
        clock.advance(100)
        return zeroid.streams.open === 1
      })
      await zeroid.signal({ agent })
      await until(() => denied(say, token))
    }
    expect(seen.signals.filter((signal) => signal === 'revoking by stream')).toHaveLength(4)
    expect(seen.missed).toEqual([])
  })

  it('a stream that went deaf is reset by the next signal, and the list tells at once', async () => {
    const followed = await startFollowed()
    const { zeroid, say, feed, seen } = followed
    const { agent, token } = await warm(followed)
    zeroid.streams.deafen()
    await zeroid.signal({ agent })
    await until(() => denied(say, token))
    expect(seen.signals).toEqual(['revoking by list'])
    await until(() => feed().state === 'live')
  })

  it('a reset is news: the list is read at once though no other stream can be had', async () => {
    const followed = await startFollowed()
    const { zeroid, say, feed } = followed
    const { agent, token } = await warm(followed)
    zeroid.faults.set('stream', { status: 503 })
    zeroid.streams.deafen()
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
    expect(feed().state).toBe('lost')
  })

  it('a stream that cannot be renewed is not called live for long', async () => {
    const { zeroid, feed, clock } = await startFollowed({ streamRenew: 10_000 })
    zeroid.faults.set('stream', { hang: true })
    clock.advance(10_000)
    expect(feed().state).toBe('live')
    clock.advance(5_000)
    expect(feed().state).toBe('lost')
    zeroid.faults.clear()
    await until(
      () => feed().state === 'live',
      () => clock.advance(100),
    )
  })
})

describe('closing', () => {
  it('leaves no stream and asks nothing more', async () => {
    const { zeroid, gate, clock, aged } = await startFollowed({ signalPoll: 1_000 })
    const token = await aged()
    await gate.close()
    await until(() => zeroid.streams.open === 0)
    const before = zeroid.requests.count()
    clock.advance(60_000)
    await quiet()
    expect(zeroid.requests.count()).toBe(before)
    expect((await gate.check(bearer(token))).outcome).not.toBe('allow')
  })
})
