import { describe, expect, test } from 'vitest'
import { createAdmin } from '../../src/http/admin.ts'
import { listen } from '../../src/http/listen.ts'
import type { Metrics } from '../../src/observe/metrics.ts'
import { createMetrics } from '../../src/observe/metrics.ts'
import { combineObservers } from '../../src/observe/observer.ts'
import { deny } from '../../src/verdict.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Forge } from '../helpers/forge.ts'
import { headerOf, seal, startForge } from '../helpers/forge.ts'
import { answering, introspectPath, jwksPath } from '../helpers/server.ts'

/** Samples of the gate's own metrics by name and labels. */
async function samples(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.render())
    .split('\n')
    .filter((line) => line.startsWith('zeroid_gate_'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  )
}

async function startMeasured(): Promise<Forge & { metrics: Metrics }> {
  const metrics = createMetrics()
  const forge = await startForge({ observer: metrics.observer, clock: createFakeClock() })
  metrics.follow(forge.gate.status)
  return { ...forge, metrics }
}

describe('the metrics', () => {
  test('count verdicts, look-ups, introspections and loads of keys', async () => {
    const { metrics, check, token, server, ec, payload, verify } = await startMeasured()
    const text = token()
    for (let i = 0; i < 5; i++) await check(text)
    await check('a.b.c')
    await verify()
    await check(token({ exp: '1' }))
    await check(seal({ ...headerOf(ec), kid: 'unknown' }, payload(), ec))
    server.on(introspectPath, { active: false })
    await check(token())
    server.on(introspectPath, answering(500, 'application/json'))
    await check(token())
    server.on(introspectPath, answering(401, 'application/json'))
    await check(token())
    await server.pause()
    await check(token())

    const seen = await samples(metrics)
    const expected: Record<string, number> = {
      'verdicts_total{outcome="allow",reason="introspected"}': 5,
      'verdicts_total{outcome="deny",reason="missing_token"}': 1,
      'verdicts_total{outcome="deny",reason="token_malformed"}': 1,
      'verdicts_total{outcome="deny",reason="token_expired"}': 1,
      'verdicts_total{outcome="deny",reason="unknown_key"}': 1,
      'verdicts_total{outcome="deny",reason="token_inactive"}': 1,
      'verdicts_total{outcome="unknown",reason="server_answer_unusable"}': 1,
      'verdicts_total{outcome="unknown",reason="client_refused"}': 1,
      'verdicts_total{outcome="unknown",reason="server_unreachable"}': 1,
      'token_lookups_total{result="hit"}': 4,
      'token_lookups_total{result="miss"}': 8,
      'introspections_total{result="active"}': 1,
      'introspections_total{result="inactive"}': 1,
      'introspections_total{result="unexpected_status"}': 1,
      'introspections_total{result="client_refused"}': 1,
      'introspections_total{result="unreachable"}': 1,
      'jwks_reloads_total{result="ok"}': 2,
      check_duration_seconds_count: 13,
      introspection_duration_seconds_count: 5,
      ready: 1,
      jwks_keys: 2,
      tokens: 6,
      jwks_age_seconds: 0,
    }
    expect(
      Object.fromEntries(
        Object.keys(expected).map((name) => [name, seen.get(`zeroid_gate_${name}`)]),
      ),
    ).toEqual(expected)
    expect(Math.abs(seen.get('zeroid_gate_clock_offset_seconds') ?? 9)).toBeLessThan(1)
  })

  test('tell of every duration at every scrape, however many there were since', async () => {
    const metrics = createMetrics()
    const told = { count: 0, below: 0, sum: 0 }
    for (const checks of [1, 255, 256, 1_000, 0]) {
      for (let i = 0; i < checks; i++) {
        const seconds = i % 2 === 0 ? 0.001 : 0.004
        metrics.observer.verdict?.(deny('missing_token'), seconds)
        told.count++
        told.sum += seconds
        if (seconds < 0.002) told.below++
      }
      const seen = await samples(metrics)
      const name = 'zeroid_gate_check_duration_seconds'
      expect(seen.get(`${name}_count`)).toBe(told.count)
      expect(seen.get(`${name}_bucket{le="0.002"}`)).toBe(told.below)
      expect(seen.get(`${name}_sum`)).toBeCloseTo(told.sum)
    }
  })

  test('do not grow with what strangers send', async () => {
    const { metrics, check, token, verify, ec, payload } = await startMeasured()
    const [, body, signature] = token().split('.')
    const encode = (text: string): string => Buffer.from(text).toString('base64url')
    const send = async (i: number): Promise<void> => {
      await check(`bad${i}.${body}.${signature}`)
      await check(`${encode(`{"alg":"ES256","kid":"kid-${i}"}`)}.${body}.${signature}`)
      await check(`${encode(`{"alg":"alg-${i}","kid":"ec-1"}`)}.${body}.${signature}`)
      await check(`${encode(`{"alg":"ES256","kid":"ec-1","x${i}":1}`)}.${body}.${signature}`)
    }
    await send(0)
    await check('a.b.c')
    await check(seal(headerOf(ec), payload({ iss: '"https://other.example"' }), ec))
    await verify({ authorization: 'Basic x' })
    const before = [...(await samples(metrics)).keys()]
    for (let i = 1; i <= 2_500; i++) await send(i)
    for (let i = 0; i < 100; i++) {
      await check(
        seal(headerOf(ec), payload({ iss: `"https://other-${i}.example"`, sub: `"sub-${i}"` }), ec),
      )
    }
    expect([...(await samples(metrics)).keys()]).toEqual(before)
    const text = await metrics.render()
    expect(text).not.toMatch(/kid-\d|alg-\d|sub-\d|bad\d|other-\d/)
  }, 60_000)

  test('say that a gate they do not follow is not ready, and NaN of keys never loaded', async () => {
    const metrics = createMetrics()
    expect((await samples(metrics)).get('zeroid_gate_ready')).toBe(0)
    metrics.follow(() => ({
      ready: false,
      keys: { age: undefined, kids: [] },
      tokens: 0,
      clockOffset: 0,
      tenants: [],
    }))
    const seen = await samples(metrics)
    expect(seen.get('zeroid_gate_ready')).toBe(0)
    expect(seen.get('zeroid_gate_jwks_age_seconds')).toBeNaN()
  })

  test('tell each configured tenant apart, and no other', async () => {
    const metrics = createMetrics()
    const one = {
      label: 'acct/one',
      state: 'lost',
      stateAge: 90_000,
      proofAge: 30_000,
      knownSince: '2030-01-01T00:00:00.500Z',
      marks: 3,
      pending: 1,
    } as const
    const two = {
      ...one,
      label: 'acct/two',
      state: 'live',
      stateAge: 500,
      knownSince: undefined,
    } as const
    metrics.follow(() => ({
      ready: true,
      keys: { age: undefined, kids: [] },
      tokens: 0,
      clockOffset: 0,
      tenants: [one, two, { ...one, label: 'other' }],
    }))
    const seen = await samples(metrics)
    const about = (name: string): Record<string, number> =>
      Object.fromEntries([...seen].filter(([key]) => key.startsWith(`zeroid_gate_${name}{`)))
    expect(about('feed_state')).toEqual({
      'zeroid_gate_feed_state{tenant="acct/one",state="connecting"}': 0,
      'zeroid_gate_feed_state{tenant="acct/one",state="live"}': 0,
      'zeroid_gate_feed_state{tenant="acct/one",state="lost"}': 1,
      'zeroid_gate_feed_state{tenant="acct/two",state="connecting"}': 0,
      'zeroid_gate_feed_state{tenant="acct/two",state="live"}': 1,
      'zeroid_gate_feed_state{tenant="acct/two",state="lost"}': 0,
    })
    expect(about('feed_state_seconds')).toEqual({
      'zeroid_gate_feed_state_seconds{tenant="acct/one"}': 90,
      'zeroid_gate_feed_state_seconds{tenant="acct/two"}': 0.5,
    })
    expect(about('feed_known_since_timestamp_seconds')).toEqual({
      'zeroid_gate_feed_known_since_timestamp_seconds{tenant="acct/one"}': 1_893_456_000.5,
      'zeroid_gate_feed_known_since_timestamp_seconds{tenant="acct/two"}': Number.NaN,
    })
    expect(
      about('feed_proof_age_seconds')['zeroid_gate_feed_proof_age_seconds{tenant="other"}'],
    ).toBe(30)
  })

  test('forget a feed that is closed', async () => {
    const metrics = createMetrics()
    const status = {
      ready: true,
      keys: { age: undefined, kids: [] },
      tokens: 0,
      clockOffset: 0,
      tenants: [
        {
          label: 'acct/one',
          state: 'live',
          stateAge: 1,
          proofAge: 1,
          knownSince: '1970-01-01T00:00:00.000Z',
          marks: 0,
          pending: 0,
        } as const,
      ],
    }
    metrics.follow(() => status)
    const named = async (): Promise<string[]> =>
      [...(await samples(metrics)).keys()].filter((key) => key.includes('tenant="acct/one"'))
    expect(await named()).not.toEqual([])
    status.tenants.pop()
    expect(await named()).toEqual([])
  })

  test('are served beside health and readiness, and not at the door', async () => {
    const forge = await startMeasured()
    const admin = createAdmin(forge.gate.status, forge.metrics)
    const url = await listen(admin, { host: '127.0.0.1', port: 0 })
    try {
      const health = await fetch(`${url}/health`)
      expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
      const ready = await fetch(`${url}/ready`)
      expect([ready.status, await ready.json()]).toEqual([
        200,
        expect.objectContaining({ ready: true, problems: [] }),
      ])
      const metrics = await fetch(`${url}/metrics`)
      expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
      expect(await metrics.text()).toContain('# TYPE zeroid_gate_verdicts_total counter')
      for (const answer of [health, ready, metrics])
        expect(answer.headers.get('cache-control')).toBe('no-store')
      expect((await fetch(`${url}/oauth2/token/verify`)).status).toBe(404)
      for (const path of ['/health', '/ready', '/metrics']) {
        expect((await fetch(forge.url + path)).status).toBe(404)
      }
    } finally {
      admin.closeAllConnections()
      admin.close()
    }
  })

  test('readiness is a 503 that says what is missing', async () => {
    const forge = await startMeasured()
    await forge.server.pause()
    const away = await startForge({ url: forge.server.url })
    const admin = createAdmin(away.gate.status, createMetrics())
    const url = await listen(admin, { host: '127.0.0.1', port: 0 })
    const ready = await fetch(`${url}/ready`)
    expect(ready.status).toBe(503)
    expect(((await ready.json()) as { problems: string[] }).problems.join()).toMatch(
      /keys.*ZEROID_ISSUER/,
    )
    expect((await fetch(`${url}/health`)).status).toBe(200)
    admin.closeAllConnections()
    admin.close()
  })

  test('stand beside a readiness that tells ages in whole milliseconds', async () => {
    const { status } = (await startMeasured()).gate
    const aged = { ...status(), keys: { ...status().keys, age: 1_445.330_02 } }
    const admin = createAdmin(() => aged, createMetrics())
    const url = await listen(admin, { host: '127.0.0.1', port: 0 })
    const ready = await fetch(`${url}/ready`)
    expect(ready.headers.get('content-type')).toBe('application/json')
    expect(await ready.json()).toMatchObject({ keys: { age: 1_445 } })
    admin.closeAllConnections()
    admin.close()
  })

  test('count the loads of keys that failed, by why', async () => {
    const { metrics, server, check, ec, payload } = await startMeasured()
    server.on(jwksPath, answering(302, 'text/html', '', { Location: '/' }))
    await check(seal({ ...headerOf(ec), kid: 'unknown' }, payload(), ec))
    expect(
      (await samples(metrics)).get('zeroid_gate_jwks_reloads_total{result="redirected"}'),
    ).toBe(1)
  })
})

test('several observers are told the same, in order, and one may leave anything out', () => {
  const told: string[] = []
  const names = Object.keys(combineObservers())
  expect(names.length).toBeGreaterThanOrEqual(5)
  const spy = (who: string): object =>
    Object.fromEntries(
      names.map((name) => [
        name,
        (...args: unknown[]) => told.push(`${who} ${name} ${args.length}`),
      ]),
    )
  const both = combineObservers(spy('first'), {}, spy('second')) as Record<
    string,
    (...args: unknown[]) => void
  >
  for (const name of names) both[name]?.(1, 2, 3)
  for (const name of names) {
    const lines = told.filter((line) => line.split(' ')[1] === name)
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['first', 'second'])
    expect(new Set(lines.map((line) => line.split(' ')[2])).size).toBe(1)
  }
})
