import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createReception } from '../../src/adapters/reception.ts'
import type { EmulatorOptions } from '../../src/emulator/index.ts'
import { AccessError } from '../../src/errors.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import type { Watch } from '../../src/gate/watch.ts'
import type { Allow } from '../../src/verdict.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Stack } from '../helpers/stack.ts'
import { bearer, createRecorder, startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

/** A clock that tells how many timers are set. */
function counting(clock: FakeClock): FakeClock & { readonly timers: () => number } {
  let set = 0
  return {
    ...clock,
    timers: () => set,
    after(ms, fn) {
      let due = true
      const done = (): void => {
        if (due) set--
        due = false
      }
      set++
      const cancel = clock.after(ms, () => {
        done()
        fn()
      })
      return () => {
        done()
        cancel()
      }
    },
  }
}

interface Watching extends Stack {
  readonly clock: FakeClock & { readonly timers: () => number }
  readonly allow: (token: string) => Promise<Allow>
  readonly watch: (token: string) => Promise<Watch>
}

async function start(
  options: Partial<GateOptions> = {},
  emulator: EmulatorOptions = {},
): Promise<Watching> {
  const clock = counting(createFakeClock())
  const stack = await startStack(
    { clock, maxStaleness: 30_000, ...options },
    { now: clock.now, streamDeafAfter: 0, ...emulator },
  )
  const allow = async (token: string): Promise<Allow> => {
    const verdict = await stack.check(token)
    if (verdict.outcome !== 'allow') throw new Error(`not allowed: ${verdict.reason}`)
    return verdict
  }
  return {
    ...stack,
    clock,
    allow,
    watch: async (token) => stack.gate.watch(await allow(token), bearer(token)),
  }
}

const reasonOf = ({ signal }: Watch): unknown[] => {
  const { reason } = signal
  return reason instanceof AccessError ? [reason.code, reason.reason] : [signal.aborted]
}
/** Signals off: then a revocation is only seen by asking. */
const asking: Partial<GateOptions> = { signals: false }

describe('a watched allow', () => {
  test('ends with a signal about its agent', async () => {
    const { zeroid, watch } = await start()
    const agent = await zeroid.agent()
    const watched = await watch(await zeroid.mint({ agent, iat: now() - 60 }))
    const other = await watch(await zeroid.mint())
    await zeroid.signal({ agent })
    await until(() => watched.signal.aborted)
    expect(reasonOf(watched)[0]).toBe('token_inactive')
    expect(other.signal.aborted).toBe(false)
  })

  test('ends with a signal about the agent that delegated it', async () => {
    const { zeroid, watch } = await start()
    const agent = await zeroid.agent()
    const watched = await watch(await zeroid.delegate(await zeroid.mint({ agent })))
    await zeroid.signal({ agent })
    await until(() => watched.signal.aborted)
    expect(reasonOf(watched)[0]).toBe('token_inactive')
  })

  test('outlives a signal that revokes nothing', async () => {
    const { zeroid, watch, gate } = await start()
    const [agent, other] = [await zeroid.agent(), await zeroid.agent()]
    const watched = await watch(await zeroid.mint({ agent, iat: now() - 60 }))
    const later = await watch(await zeroid.mint({ agent: other, iat: now() - 60 }))
    await zeroid.signal({ agent, severity: 'medium' })
    await zeroid.signal({ agent: other })
    await until(() => later.signal.aborted)
    expect([watched.signal.aborted, gate.status().watches]).toEqual([false, 1])
  })

  test('ends within the bound of a revocation without a signal', async () => {
    const { zeroid, watch, clock } = await start(asking)
    const token = await zeroid.mint()
    const watched = await watch(token)
    await zeroid.revoke(token)
    const since = clock.monotonic()
    await until(
      () => watched.signal.aborted,
      () => clock.advance(500),
    )
    expect(clock.monotonic() - since).toBeLessThanOrEqual(30_000)
    expect(reasonOf(watched)).toEqual(['token_inactive', 'token_inactive'])
  })

  test('ends at the bound while the server hangs', async () => {
    const { zeroid, watch, clock } = await start(asking)
    const token = await zeroid.mint()
    const watched = await watch(token)
    await zeroid.revoke(token)
    const asked = zeroid.requests.count('introspect')
    zeroid.faults.set('introspect', { hang: true })
    clock.advance(20_000)
    await until(() => zeroid.requests.count('introspect') > asked)
    // The question is still open.
    clock.advance(10_002)
    expect(reasonOf(watched)).toEqual(['temporarily_unavailable', 'server_unreachable'])
  })

  test('ends at the bound where nothing proves the feed, in local mode', async () => {
    const { zeroid, gate, allow, clock } = await start({ mode: 'local' })
    const token = await zeroid.mint()
    await gate.check(bearer(token))
    await until(() => gate.status().tenants[0]?.state === 'live')
    const verdict = await allow(token)
    const watched = gate.watch(verdict, bearer(token))
    await zeroid.pause()
    await until(
      () => watched.signal.aborted,
      () => clock.advance(50),
    )
    expect(clock.monotonic() - verdict.evidence.at).toBeLessThanOrEqual(30_100)
    expect(reasonOf(watched)).toEqual(['temporarily_unavailable', 'feed_not_live'])
  })

  test('is kept as fresh as the place asks for that it was given at', async () => {
    const { zeroid, gate, clock } = await start(asking)
    const terms = gate.terms({ mode: 'live', maxStaleness: 5_000 })
    const token = await zeroid.mint()
    const verdict = await gate.check(bearer(token), terms)
    if (verdict.outcome !== 'allow') throw new Error('refused')
    const watched = gate.watch(verdict, bearer(token), terms)
    await zeroid.revoke(token)
    const since = clock.monotonic()
    await until(
      () => watched.signal.aborted,
      () => clock.advance(250),
    )
    expect(clock.monotonic() - since).toBeLessThanOrEqual(5_000)
    expect(reasonOf(watched)).toEqual(['token_inactive', 'token_inactive'])
  })

  test('ends by the terms of its own place, not by those of another', async () => {
    const { zeroid, gate, clock, allow } = await start(asking)
    const token = await zeroid.mint()
    const verdict = await allow(token)
    const open = (maxStaleness: number): Watch =>
      gate.watch(verdict, bearer(token), gate.terms({ maxStaleness }))
    const [strict, twin, lax] = [open(5_000), open(5_000), open(60_000)]
    expect(gate.status().watches).toBe(3)
    await zeroid.pause()
    await until(
      () => strict.signal.aborted,
      () => clock.advance(250),
    )
    expect(reasonOf(strict)[0]).toBe('temporarily_unavailable')
    expect([twin.signal.aborted, lax.signal.aborted]).toEqual([true, false])
    expect(gate.status().watches).toBe(1)
    lax.release()
    expect(gate.status().watches).toBe(0)
  })

  test('has the server asked once in half the bound, however many watch', async () => {
    const { zeroid, allow, gate, clock } = await start(asking)
    const token = await zeroid.mint()
    const verdict = await allow(token)
    for (let i = 0; i < 100; i++) gate.watch(verdict, bearer(token))
    const asked = zeroid.requests.count('introspect')
    const since = clock.monotonic()
    await until(
      () => zeroid.requests.count('introspect') >= asked + 3,
      () => clock.advance(500),
    )
    // Had each of them asked, the three would have come at once.
    expect(clock.monotonic() - since).toBeGreaterThanOrEqual(3 * 15_000)
  })

  test('ends at the expiry of its token, with the leeway that requests have', async () => {
    const { zeroid, watch, clock } = await start({ ...asking, clockSkew: 2_000 })
    const watched = await watch(await zeroid.mint({ ttl: 10 }))
    const shorter = await watch(await zeroid.mint({ ttl: 8 }))
    clock.advance(10_900)
    await until(() => shorter.signal.aborted)
    expect(watched.signal.aborted).toBe(false)
    await until(
      () => watched.signal.aborted,
      () => clock.advance(100),
    )
    expect(reasonOf(watched)).toEqual(['token_expired', 'token_expired'])
  })

  test('outlives a server that is away for less than the bound', async () => {
    const observer = createRecorder()
    const { zeroid, watch, clock } = await start({ ...asking, observer })
    const watched = await watch(await zeroid.mint())
    const answers = (active: boolean): number =>
      observer.introspections.filter((result) => (result === 'active') === active).length
    const since = clock.monotonic()
    await zeroid.pause()
    await until(
      () => answers(false) > 0,
      () => clock.advance(clock.monotonic() - since < 25_000 ? 500 : 0),
    )
    await zeroid.resume()
    const before = answers(true)
    await until(
      () => answers(true) >= before + 3,
      () => clock.advance(250),
    )
    expect(clock.monotonic() - since).toBeGreaterThan(30_000)
    expect(watched.signal.aborted).toBe(false)
  })

  test('ends when what it rests on is older than the bound and nobody can tell', async () => {
    const { zeroid, watch, clock } = await start(asking)
    const watched = await watch(await zeroid.mint())
    await zeroid.pause()
    await until(
      () => watched.signal.aborted,
      () => clock.advance(500),
    )
    expect(reasonOf(watched)[0]).toBe('temporarily_unavailable')
  })

  test('stays open then where the operator lets the unknown pass', async () => {
    const { zeroid, allow, gate, clock } = await start({ ...asking, onUnknown: 'allow' })
    const token = await zeroid.mint()
    const verdict = await allow(token)
    const watched = gate.watch(verdict, bearer(token))
    // Where another place does not let them pass, the same token ends: later than that, too.
    const strict = { onUnknown: 'deny', maxStaleness: 60_000 } as const
    const other = gate.watch(verdict, bearer(token), gate.terms(strict))
    await zeroid.pause()
    await until(
      () => other.signal.aborted,
      () => clock.advance(500),
    )
    expect(watched.signal.aborted).toBe(false)
  })

  test('ends with the key that signed its token', async () => {
    const { zeroid, watch, clock } = await start(asking)
    const watched = await watch(await zeroid.mint({ ttl: 86_400 }))
    zeroid.faults.set('introspect', { body: '{"active":true}' })
    await zeroid.rotateKeys({ drop: true })
    await until(
      () => watched.signal.aborted,
      () => clock.advance(5_000),
    )
    expect(reasonOf(watched)[0]).toBe('invalid_signature')
  })

  test('ends with its gate, and at once where that is closed already', async () => {
    const { zeroid, watch, gate, allow } = await start(asking)
    const token = await zeroid.mint()
    const verdict = await allow(token)
    const watched = await watch(token)
    await gate.close()
    expect(reasonOf(watched)).toEqual(['temporarily_unavailable', undefined])
    expect(gate.watch(verdict, bearer(token)).signal.aborted).toBe(true)
  })

  test('is found again where the memory had no room for its token', async () => {
    const { zeroid, allow, gate, check } = await start({ cacheTokens: 1 })
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent, iat: now() - 60 })
    const verdict = await allow(token)
    await check(await zeroid.mint())
    const watched = gate.watch(verdict, bearer(token))
    await until(() => gate.status().watches === 1)
    await zeroid.signal({ agent })
    await until(() => watched.signal.aborted)
  })

  test('is none of a request that carries no token, or another one', async () => {
    const { zeroid, allow, gate } = await start(asking)
    const [token, other] = [await zeroid.mint(), await zeroid.mint()]
    const verdict = await allow(token)
    await allow(other)
    expect(() => gate.watch(verdict, { rawHeaders: [] })).toThrow(TypeError)
    expect(() => gate.watch(verdict, bearer(other))).toThrow(TypeError)
  })

  test('in local mode ends with a signal, and when the feed was silent for the bound', async () => {
    const { zeroid, watch, check, clock } = await start({
      mode: 'local',
      tenants: [{ accountId: 'acct-demo', projectId: 'proj-demo' }],
    })
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent })
    await until(
      async () => (await check(token)).outcome === 'allow',
      () => clock.advance(1_000),
    )
    clock.advance(5_000)
    const [watched, other] = [await watch(token), await watch(await zeroid.mint())]
    await zeroid.signal({ agent })
    await until(() => watched.signal.aborted)
    expect(reasonOf(watched)).toEqual(['token_inactive', 'revoked_by_signal'])
    await zeroid.pause()
    await until(
      () => other.signal.aborted,
      () => clock.advance(500),
    )
    expect(reasonOf(other)[0]).toBe('temporarily_unavailable')
  })

  test('is not aborted once it was released', async () => {
    const { zeroid, watch, gate } = await start()
    const agent = await zeroid.agent()
    const token = await zeroid.mint({ agent, iat: now() - 60 })
    const [released, kept] = [await watch(token), await watch(token)]
    released.release()
    released.release()
    expect(gate.status().watches).toBe(1)
    await zeroid.signal({ agent })
    await until(() => kept.signal.aborted)
    expect([released.signal.aborted, gate.status().watches]).toEqual([false, 0])
  })
})

describe('what watching costs', () => {
  test('a thousand watches of a token set two timers', async () => {
    const { zeroid, allow, gate, clock } = await start(asking)
    const token = await zeroid.mint()
    const verdict = await allow(token)
    const before = clock.timers()
    const watches = Array.from({ length: 1_000 }, () => gate.watch(verdict, bearer(token)))
    expect([gate.status().watches, clock.timers() - before]).toEqual([1_000, 2])
    for (const watch of watches) watch.release()
    expect([gate.status().watches, clock.timers() - before]).toEqual([0, 0])
  })

  test('a million answers whose signal was read leave nothing behind', async () => {
    const { zeroid, allow, gate, clock } = await start()
    const { rawHeaders } = bearer(await zeroid.mint({ ttl: 86_400 }))
    await allow(rawHeaders[1]?.slice(7) ?? '')
    const reception = createReception({ gate })
    const response = new EventEmitter()
    const before = clock.timers()
    for (let i = 0; i < 1_000_000; i++) {
      const entry = reception.receive({ rawHeaders }, response)
      if (entry instanceof Promise || entry.agent?.signal.aborted !== false)
        throw new Error('ended')
      response.emit('close')
    }
    expect(gate.status().watches).toBe(0)
    expect(response.listenerCount('close')).toBe(0)
    expect(clock.timers()).toBe(before)
    expect(gate.status().tokens).toBe(1)
  }, 120_000)

  test('an answer that is over is not watched', async () => {
    const { zeroid, allow, gate } = await start(asking)
    const token = await zeroid.mint()
    await allow(token)
    const over = Object.assign(new EventEmitter(), { closed: true })
    const entry = createReception({ gate }).receive(bearer(token), over)
    if (entry instanceof Promise) throw new Error('not warm')
    expect(entry.agent?.signal.aborted).toBe(false)
    expect([gate.status().watches, over.listenerCount('close')]).toEqual([0, 0])
  })
})

function now(): number {
  return Math.floor(Date.now() / 1000)
}
