import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/observe/metrics.ts'
import { demo, startFollowed } from '../helpers/follow.ts'
import { until } from '../helpers/until.ts'

const two = [demo, { accountId: 'acct-two', projectId: 'proj-two' }]

describe('status', () => {
  it('tells of each tenant its state, since when, its proof, what is known, marks, what is pending', async () => {
    const { zeroid, feed, clock, gate } = await startFollowed()
    const since = clock.monotonic()
    clock.advance(7_000)
    expect(feed()).toMatchObject({
      ...demo,
      label: 'acct-demo/proj-demo',
      state: 'live',
      knownSince: '1970-01-01T00:00:00.000Z',
      marks: 0,
      pending: 0,
      problem: undefined,
    })
    expect(feed().stateAge).toBeCloseTo(clock.monotonic() - since, 0)
    expect(feed().proofAge).toBeCloseTo(7_000, 0)
    zeroid.faults.set('identities', { status: 500 })
    await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => feed().pending === 1)
    zeroid.faults.clear()
    await until(
      () => feed().marks === 1 && feed().pending === 0,
      () => clock.advance(100),
    )
    expect(gate.status()).toMatchObject({ ready: true, problems: [], warnings: [] })
  })

  it('says why a feed is lost, and since when', async () => {
    const { zeroid, feed, clock } = await startFollowed()
    clock.advance(60_000)
    zeroid.faults.set('stream', { status: 503 })
    zeroid.streams.drop()
    await until(() => feed().problem === 'HTTP 503')
    expect(feed().state).toBe('lost')
    expect(feed().stateAge).toBeLessThan(1)
    clock.advance(3_000)
    expect(feed().stateAge).toBeGreaterThanOrEqual(3_000)
  })

  it('is not ready before the first list of every configured tenant', async () => {
    const { zeroid, gate, clock } = await startFollowed({
      tenants: two,
      soon: true,
      signalPoll: 5_000,
      through: async (emulator) => {
        emulator.faults.set('signals', { status: 500 })
        return emulator.url
      },
    })
    await until(() => gate.status().problems.length === 2)
    expect(gate.status().ready).toBe(false)
    expect(gate.status().problems[0]).toMatch(/^the signals of acct-demo\/proj-demo are not read/)
    expect(gate.status().problems[1]).toMatch(/^the signals of acct-two\/proj-two are not read/)
    zeroid.faults.clear()
    await until(
      () => gate.status().ready,
      () => clock.advance(1_000),
    )
  })

  it('is ready once the first list is applied, whatever signals come after it', async () => {
    const { zeroid, gate, feed, clock } = await startFollowed({
      soon: true,
      through: async (emulator) => {
        emulator.faults.set('identities', { status: 500 })
        await emulator.signal({ agent: await emulator.agent() })
        return emulator.url
      },
    })
    await until(() => gate.status().problems.some((problem) => problem.includes('1 are pending')))
    zeroid.faults.clear()
    await until(
      () => gate.status().ready,
      () => clock.advance(100),
    )
    zeroid.faults.set('identities', { status: 500 })
    await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => feed().pending === 1)
    expect(gate.status().ready).toBe(true)
  })

  it('needs nothing of signals that come between the first list and the first look', async () => {
    const { zeroid, gate, feed } = await startFollowed({
      soon: true,
      through: async (emulator) => {
        emulator.faults.set('identities', { status: 500 })
        return emulator.url
      },
    })
    await until(() => feed().state === 'live')
    await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => feed().pending === 1)
    expect(gate.status()).toMatchObject({ ready: true, problems: [] })
  })

  it('is not ready where the settings name more tenants than may be followed', async () => {
    const { gate } = await startFollowed({ tenants: two, maxTenants: 1 })
    expect(gate.status().ready).toBe(false)
    expect(gate.status().problems).toEqual([
      'the signals of acct-two/proj-two are not followed: ZEROID_TENANTS names more tenants than GATE_MAX_TENANTS',
    ])
  })

  it('stays ready when a feed is lost: verdicts can be given by introspection', async () => {
    const { zeroid, gate, feed } = await startFollowed()
    zeroid.faults.set('stream', { status: 503 })
    zeroid.streams.drop()
    await until(() => feed().state === 'lost')
    expect(gate.status().ready).toBe(true)
  })
})

describe('metrics', () => {
  async function startMeasured(tenants: 'auto' | typeof two, soon = false) {
    const metrics = createMetrics()
    const followed = await startFollowed({
      tenants,
      soon,
      observer: metrics.observer,
      signalPoll: 5_000,
    })
    metrics.follow(() => followed.gate.status())
    const value = async (line: string): Promise<number | undefined> => {
      const text = await metrics.render()
      const found = text.split('\n').find((each) => each.startsWith(`zeroid_gate_${line} `))
      return found === undefined ? undefined : Number(found.split(' ').at(-1))
    }
    return { ...followed, metrics, value }
  }

  it('count signals, marks, what the stream missed, and the lag, by configured tenant', async () => {
    const { zeroid, gate, value, clock, metrics } = await startMeasured(two)
    await until(() => gate.status().tenants.every(({ state }) => state === 'live'))
    const tenant = 'tenant="acct-demo/proj-demo"'
    zeroid.streams.silent(true)
    await zeroid.signal({ agent: await zeroid.agent() })
    clock.advance(5_000)
    await until(() => gate.status().tenants[0]?.marks === 1)
    clock.advance(5_000)
    await until(async () => (await value(`signals_missed_by_stream_total{${tenant}}`)) === 1)
    zeroid.streams.normal()
    await zeroid.signal({ agent: await zeroid.agent(), severity: 'low' })
    await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => gate.status().tenants[0]?.marks === 2)
    expect(await value('signals_total{kind="revoking",via="list"}')).toBe(1)
    expect(await value('signals_total{kind="revoking",via="stream"}')).toBe(1)
    expect(await value('signals_total{kind="informing",via="stream"}')).toBe(1)
    expect(await value(`marks{${tenant}}`)).toBe(2)
    expect(await value('marks{tenant="acct-two/proj-two"}')).toBe(0)
    expect(await value(`signals_pending{${tenant}}`)).toBe(0)
    expect(await value('feeds{state="live"}')).toBe(2)
    expect(await value('feeds{state="lost"}')).toBe(0)
    expect(await value(`revocation_lag_seconds_count{${tenant}}`)).toBe(2)
    expect(await value(`revocation_lag_seconds_bucket{le="1",${tenant}}`)).toBe(1)
    expect(await value(`revocation_lag_seconds_sum{${tenant}}`)).toBeCloseTo(5, 0)
    clock.advance(2_000)
    expect(await value(`feed_proof_age_seconds{${tenant}}`)).toBeGreaterThanOrEqual(2)
    expect(await metrics.render()).not.toContain('other')
  })

  it('name no tenant that the settings do not name', async () => {
    const { zeroid, gate, say, value, metrics, aged } = await startMeasured('auto', true)
    const agents = await Promise.all(
      ['stranger-1', 'stranger-2'].map((account) => zeroid.agent({ account })),
    )
    for (const agent of agents) expect(await say(await aged(agent))).toMatch(/^allow /)
    await until(() => gate.status().tenants.every(({ state }) => state === 'live'))
    for (const agent of agents) await zeroid.signal({ agent })
    await until(() => gate.status().tenants.every(({ marks }) => marks === 1))
    expect(await value('marks{tenant="other"}')).toBe(2)
    expect(await value('revocation_lag_seconds_count{tenant="other"}')).toBe(2)
    expect(await metrics.render()).not.toContain('stranger')
  })
})
