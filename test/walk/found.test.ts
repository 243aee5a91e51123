import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EmulatorOptions } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import { createGate } from '../../src/gate.ts'
import type { Verdict } from '../../src/verdict.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { startProxy } from '../helpers/proxy.ts'
import { bearer } from '../helpers/stack.ts'
import { quiet } from './quiet.ts'

// What the walk found, each in as few steps as it takes.

const tenant = { accountId: 'acct-demo', projectId: 'proj-demo' }
const wholeSecond = Date.UTC(2030, 0, 1)

/** Lets time pass in steps, so that everything that falls due is done. */
function passing(clock: FakeClock): (ms: number) => Promise<void> {
  return async (ms) => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(left, 500))
      await quiet()
    }
  }
}

async function start(options: Partial<GateOptions> = {}, emulator: EmulatorOptions = {}) {
  const clock = createFakeClock(wholeSecond)
  const origin = wholeSecond - clock.monotonic()
  const now = (): number => origin + clock.monotonic()
  const zeroid = await startEmulator({ now, streamDeafAfter: 0, ...emulator })
  const gate = createGate({ url: zeroid.url, clock, tenants: [tenant], ...options })
  onTestFinished(async () => {
    await gate.close()
    await zeroid.close()
  })
  await gate.started
  await quiet()
  return {
    clock,
    zeroid,
    gate,
    check: async (token: string): Promise<Verdict> => await gate.check(bearer(token)),
    pass: passing(clock),
    /** Until the marks of the gate's feed are so many. */
    marked: async (count: number): Promise<void> => {
      await vi.waitUntil(() => gate.status().tenants[0]?.marks === count, { interval: 1 })
    },
  }
}

describe('a gate that was suspended (its monotonic clock stood still, ZeroID and the wall did not)', () => {
  const asleep = 120_000

  test('refuses no token minted meanwhile as not yet valid', async () => {
    const { clock, zeroid, check } = await start()
    clock.step(asleep)
    zeroid.clock.advance(asleep)
    const token = await zeroid.mint()
    expect(await check(token)).not.toMatchObject({ outcome: 'deny' })
  })

  test('refuses no token under a key made meanwhile as signed by an unknown key', async () => {
    const { clock, zeroid, check } = await start()
    clock.step(asleep)
    zeroid.clock.advance(asleep)
    await zeroid.rotateKeys()
    const token = await zeroid.mint()
    // The keys cannot be loaded, so nothing brings a `Date` either.
    zeroid.faults.set('jwks', { reset: true })
    expect(await check(token)).toMatchObject({ outcome: 'unknown' })
  })

  test('dates no signal back to before its suspension', async () => {
    const { clock, zeroid, check, marked } = await start({ mode: 'local' })
    const agent = await zeroid.agent()
    await check(await zeroid.mint({ agent }))
    clock.step(4_000)
    zeroid.clock.advance(4_000)
    const token = await zeroid.mint({ agent })
    zeroid.clock.advance(1_000)
    clock.step(1_000)
    await zeroid.signal({ agent })
    await marked(1)
    expect(zeroid.active(token)).toBe(false)
    expect(await check(token)).not.toMatchObject({ outcome: 'allow' })
  })
})

test.each([
  ['a clock that was set back hides a part of a suspension', -6_500, 31_000],
  ["the server's clock is set ahead", 0, 20_000],
])('local mode refuses no good token where %s', async (_title, step, passed) => {
  const { clock, zeroid, check, pass } = await start({ mode: 'local' })
  expect(await check(await zeroid.mint())).toMatchObject({ outcome: 'allow' })
  clock.step(step)
  if (step !== 0) clock.step(passed)
  zeroid.clock.advance(passed)
  const token = await zeroid.mint()
  expect(await check(token)).toMatchObject({ outcome: 'unknown', reason: 'dated_ahead' })
  await pass(6_000)
  expect(await check(token)).toMatchObject({ outcome: 'allow' })
})

describe('a signal whose date is behind the tokens that it kills kills them all the same', () => {
  test("where the server's clock was set ahead, and nothing but the stream told", async () => {
    const { clock, zeroid, check, pass, marked } = await start({ mode: 'local' })
    const agent = await zeroid.agent()
    await check(await zeroid.mint({ agent }))
    zeroid.clock.advance(20_000)
    const token = await zeroid.mint({ agent })
    clock.advance(500)
    await zeroid.signal({ agent })
    await marked(1)
    await pass(60_000)
    expect(zeroid.active(token)).toBe(false)
    expect(await check(token)).not.toMatchObject({ outcome: 'allow' })
  })

  test.each([4_000, 60_000])("where the server's clock was set back by %i ms", async (back) => {
    const { zeroid, check, pass, marked } = await start({ mode: 'local' })
    const agent = await zeroid.agent()
    await pass(6_000)
    const token = await zeroid.mint({ agent })
    expect(await check(token)).toMatchObject({ outcome: 'allow' })
    zeroid.clock.advance(-back)
    await pass(1_000)
    await zeroid.signal({ agent })
    await marked(1)
    await pass(60_000)
    expect(zeroid.active(token)).toBe(false)
    expect(await check(token)).not.toMatchObject({ outcome: 'allow' })
  })
})

test('inactive is final also for a token that gave way while the server was asked', async () => {
  const { zeroid, gate, check, pass } = await start({ cacheTokens: 1 })
  await pass(5_000)
  const [token, other] = [await zeroid.mint(), await zeroid.mint()]
  await zeroid.revoke(token)
  const asked = zeroid.requests.count('introspect')
  zeroid.faults.set('introspect', { delay: 200 })
  const answer = gate.check(bearer(token), gate.terms({ mode: 'live' }))
  await vi.waitUntil(() => zeroid.requests.count('introspect') > asked, { interval: 1 })
  await check(other)
  expect(await answer).toMatchObject({ reason: 'token_inactive' })
  zeroid.faults.clear()
  expect(await check(token)).toMatchObject({ outcome: 'deny' })
})

test('a clock that was set ahead puts no token in doubt that is minted after a signal', async () => {
  const { clock, zeroid, check, pass, marked } = await start({ mode: 'local' })
  const agent = await zeroid.agent()
  await check(await zeroid.mint({ agent }))
  clock.step(120_000)
  await zeroid.signal({ agent })
  await marked(1)
  await pass(6_000)
  expect(await check(await zeroid.mint({ agent }))).toMatchObject({ outcome: 'allow' })
})

test('what was answered before a feed was closed and opened anew covers nothing', async () => {
  const maxStaleness = 3_600_000
  const { zeroid, check, pass, marked, gate } = await start({ tenants: 'auto', maxStaleness })
  const agent = await zeroid.agent()
  const token = await zeroid.mint({ agent, iat: wholeSecond / 1000 - 60 })
  await check(token)
  await pass(5_000)
  await zeroid.signal({ agent })
  await marked(1)
  expect(await check(token)).toMatchObject({ reason: 'revoked_by_signal' })
  await pass(780_000)
  expect(gate.status().tenants).toEqual([])
  expect(await check(token)).not.toMatchObject({ outcome: 'allow' })
}, 60_000)

test('a token under a key made in the second of the last key load is not refused', async () => {
  const { clock, zeroid, check, pass } = await start()
  await pass(500)
  // Any stranger may have provoked this load.
  await zeroid.rotateKeys()
  await check(await zeroid.mint())
  clock.advance(100)
  await zeroid.rotateKeys()
  const token = await zeroid.mint()
  expect(zeroid.active(token)).toBe(true)
  expect(await check(token)).not.toMatchObject({ outcome: 'deny' })
})

test('a clock that is slow within the leeway does not stretch the bound', async () => {
  const maxStaleness = 10_000
  const { clock, zeroid, check, pass } = await start({ maxStaleness })
  clock.step(-4_000)
  const token = await zeroid.mint()
  await pass(200)
  await zeroid.revoke(token)
  await pass(3_800)
  // First sight: minted "just now" by the gate's clock, 4 s ago by the server's.
  await check(token)
  zeroid.faults.set('introspect', { status: 503 })
  await pass(maxStaleness - 3_800 + 500)
  expect(await check(token)).not.toMatchObject({ outcome: 'allow' })
})

test('local mode allows nothing past the bound when only the stream is renewed', async () => {
  const { zeroid, check, pass } = await start({ mode: 'local' })
  const agent = await zeroid.agent()
  const token = await zeroid.mint({ agent })
  await pass(5_000)
  expect(await check(token)).toMatchObject({ outcome: 'allow' })
  // Another replica takes the signal, and the list, which alone would tell, fails.
  zeroid.streams.silent(true)
  zeroid.faults.set('signals', { status: 503 })
  await zeroid.signal({ agent })
  await pass(300_000)
  expect(await check(token)).not.toMatchObject({ outcome: 'allow' })
})

test('a gate started with a wrong clock refuses no key made since its first load', async () => {
  const clock = createFakeClock(wholeSecond)
  const zeroid = await startEmulator({ now: () => clock.now() - 120_000, streamDeafAfter: 0 })
  // Its first load is asked for before any `Date` could tell that the clock is two minutes fast.
  const gate = createGate({ url: zeroid.url, clock, tenants: [tenant] })
  onTestFinished(async () => {
    await gate.close()
    await zeroid.close()
  })
  await gate.started
  await quiet()
  clock.advance(10_000)
  await zeroid.rotateKeys()
  const token = await zeroid.mint()
  zeroid.faults.set('jwks', { reset: true })
  expect(await gate.check(bearer(token))).toMatchObject({ outcome: 'unknown' })
})

describe('a server whose Dates go back', () => {
  /** Begins with a true `Date`, and goes on with one of a minute ago in every answer of a route. */
  async function startBehind(isBehind: (path: string) => boolean, options: Partial<GateOptions>) {
    const clock = createFakeClock(wholeSecond)
    const zeroid = await startEmulator({ now: clock.now, streamDeafAfter: 0 })
    onTestFinished(() => zeroid.close())
    let behind = false
    const proxy = await startProxy(zeroid.url, (request, response) => {
      if (behind && isBehind(request.url ?? '')) {
        const writeHead = response.writeHead.bind(response)
        response.writeHead = ((status: number, headers: Record<string, string>) =>
          writeHead(status, {
            ...headers,
            date: new Date(clock.now() - 60_000).toUTCString(),
          })) as typeof response.writeHead
      }
      return false
    })
    const gate = createGate({ url: proxy.url, clock, tenants: [tenant], ...options })
    onTestFinished(() => gate.close())
    await gate.started
    await vi.waitUntil(() => gate.status().tenants[0]?.state === 'live', { interval: 1 })
    behind = true
    return {
      clock,
      zeroid,
      gate,
      check: async (token: string): Promise<Verdict> => await gate.check(bearer(token)),
      pass: passing(clock),
    }
  }

  test.each([
    ['of its keys', (path: string) => path.endsWith('jwks.json')],
    ['of its lists', (path: string) => path.includes('/signals?')],
    ['of everything', () => true],
  ])('%s: a token is good as soon as it is minted', async (_title, isBehind) => {
    const { zeroid, check, pass, gate } = await startBehind(isBehind, { signalPoll: 1_000 })
    await zeroid.rotateKeys()
    // Under a new key, so that the set of keys is loaded too.
    expect(await check(await zeroid.mint())).toMatchObject({ outcome: 'allow' })
    await pass(20_000)
    expect(await check(await zeroid.mint())).toMatchObject({ outcome: 'allow' })
    expect(gate.status().ready).toBe(true)
  })

  test('dates no signal back, so that what was minted just before it does not escape', async () => {
    const everything = (): boolean => true
    const { zeroid, check, pass, gate } = await startBehind(everything, { mode: 'local' })
    const agent = await zeroid.agent()
    await pass(6_000)
    const token = await zeroid.mint({ agent })
    await pass(3_000)
    await zeroid.signal({ agent })
    await vi.waitUntil(() => gate.status().tenants[0]?.marks === 1, { interval: 1 })
    expect(await check(token)).toMatchObject({ reason: 'revoked_by_signal' })
  })

  test('keeps what is remembered usable when the true ones come again', async () => {
    let behind = true
    const { zeroid, check, pass } = await startBehind(() => behind, { signalPoll: 1_000 })
    const token = await zeroid.mint()
    await check(token)
    await pass(5_000)
    behind = false
    await pass(2_000)
    const before = zeroid.requests.count('introspect')
    expect(await check(token)).toMatchObject({ outcome: 'allow' })
    expect(zeroid.requests.count('introspect')).toBe(before)
  })
})

test.each([3_600_000, -3_600_000])(
  'local mode: a clock set by %d ms refuses no good token and lets no expired one pass',
  async (step) => {
    const { clock, zeroid, check, pass } = await start({ mode: 'local' })
    await check(await zeroid.mint())
    await pass(6_000)
    const [good, expired] = [await zeroid.mint(), await zeroid.mint({ ttl: 1 })]
    await pass(10_000)
    expect(await check(good)).toMatchObject({ outcome: 'allow' })
    clock.step(step)
    expect(await check(good)).not.toMatchObject({ outcome: 'deny' })
    expect(await check(expired)).not.toMatchObject({ outcome: 'allow' })
    await pass(6_000)
    for (let turn = 0; turn < 5; turn++) {
      expect(await check(good)).toMatchObject({ outcome: 'allow' })
      expect(await check(await zeroid.mint())).toMatchObject({ outcome: 'allow' })
      expect(await check(expired)).toMatchObject({ reason: 'token_expired' })
      await pass(10_000)
    }
  },
)
