import { describe, expect, test } from 'vitest'
import type { ServerClock } from '../src/clock.ts'
import { createServerClock } from '../src/clock.ts'
import type { FakeClock } from './helpers/clock.ts'
import { createFakeClock } from './helpers/clock.ts'

const leeway = 5_000
const start = Date.UTC(2030, 0, 1)

/** Our clock, and the server's as it shows itself in `Date` headers of whole seconds. */
function pair(serverAhead = 0): { clock: FakeClock; server: ServerClock; tell: () => void } {
  const clock = createFakeClock(start)
  const server = createServerClock(clock, leeway)
  let passed = -clock.monotonic()
  return {
    clock,
    server,
    tell() {
      passed = clock.monotonic() - 1_000
      server.observe(new Date(start + serverAhead + passed).toUTCString())
    },
  }
}

describe('the estimate of the server time', () => {
  test('is our own clock before any Date was seen, and where a Date cannot be read', () => {
    const { clock, server } = pair()
    server.observe(undefined)
    server.observe('yesterday')
    expect(server.read()).toEqual({ now: clock.now(), latest: clock.now(), hidden: 0 })
    expect(server.date()).toBeUndefined()
    expect(server.offset()).toBe(0)
  })

  test('is our own clock where that is ahead within the leeway', () => {
    const { clock, server, tell } = pair(-4_000)
    tell()
    expect(server.now()).toBe(clock.now())
  })

  test('is that of the server, less what Date leaves open, where our own is slow', () => {
    const { server, tell } = pair(4_000)
    tell()
    expect(server.now()).toBe(start + 4_000)
    expect(server.latest()).toBe(start + 4_500)
  })

  test('is neither behind ours nor ahead of the server, whatever part of a second Date leaves out', () => {
    for (const part of [0, 1, 250, 499, 500, 999]) {
      const { clock, server, tell } = pair(part)
      clock.advance(part)
      tell()
      expect(server.now() - clock.now()).toBeLessThanOrEqual(part)
      expect(server.now()).toBeGreaterThanOrEqual(clock.now())
    }
  })

  test('tells by how much what the server said differs, beyond whole seconds', () => {
    const { clock, server, tell } = pair()
    expect(server.spread()).toBe(0)
    tell()
    clock.advance(300)
    tell()
    expect(server.spread()).toBe(0)
    server.observe(new Date(start - 60_000).toUTCString())
    expect(server.spread()).toBeGreaterThan(59_000)
  })

  test('makes up a difference past the leeway, in both directions', () => {
    for (const ahead of [-120_000, 120_000]) {
      const { clock, server, tell } = pair(ahead)
      tell()
      clock.advance(7_000)
      expect(server.now()).toBe(start + ahead + 7_500)
      expect(server.offset()).toBe(ahead + 500)
    }
  })

  test('does not believe a difference of more than five minutes', () => {
    const { clock, server, tell } = pair(3_600_000)
    tell()
    expect(server.now()).toBe(clock.now())
    expect(server.latest()).toBe(clock.now())
  })

  test('is not disturbed by a step of our wall clock backwards', () => {
    const { clock, server, tell } = pair()
    tell()
    clock.step(-120_000)
    expect(server.now()).toBe(start + 500)
    expect(server.read().hidden).toBe(0)
  })

  test('spans both readings where our wall clock moved ahead of the monotonic one', () => {
    const { clock, server, tell } = pair()
    tell()
    clock.step(120_000)
    const { now, latest, hidden } = server.read()
    expect(now).toBe(start + 500)
    expect(latest).toBe(start + 120_500)
    expect(hidden).toBe(120_000)
    expect(server.date()).toBe(start + 120_500)
  })
})

describe('ages', () => {
  test('are trusted while the server clock moves on with ours', () => {
    const { clock, server, tell } = pair()
    for (let i = 0; i < 100; i++) {
      tell()
      clock.advance(337)
    }
    expect(server.trustedFrom()).toBe(Number.NEGATIVE_INFINITY)
  })

  test('begin anew where the server clock moved on further than our monotonic one', () => {
    const { clock, server, tell } = pair()
    tell()
    clock.advance(1_000)
    clock.step(60_000)
    server.observe(new Date(start + 61_000).toUTCString())
    expect(server.trustedFrom()).toBe(clock.monotonic())
    expect(server.read().hidden).toBe(0)
  })

  test('stay trusted where a busy process read a Date late', () => {
    const { clock, server } = pair()
    server.observe(new Date(start).toUTCString())
    clock.advance(10_000)
    // Written by the server 9 s before it was read.
    server.observe(new Date(start + 1_000).toUTCString(), 9_500)
    clock.advance(1_000)
    server.observe(new Date(start + 11_000).toUTCString(), 5)
    expect(server.trustedFrom()).toBe(Number.NEGATIVE_INFINITY)
  })

  test('stay trusted where only our wall clock was set', () => {
    const { clock, server, tell } = pair()
    tell()
    clock.step(60_000)
    tell()
    expect(server.trustedFrom()).toBe(Number.NEGATIVE_INFINITY)
    expect(server.read().hidden).toBe(0)
  })
})

/** A `Date` header of this moment. */
const dated = (ms: number): string => new Date(ms).toUTCString()

describe('a Date that goes back', () => {
  test('neither refuses what was minted since nor voids evidence when the true one follows', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    clock.advance(10_000)
    server.observe(dated(start - 50_000))
    expect(server.latest()).toBe(start + 10_500)
    expect(server.date()).toBe(start + 10_500)
    expect(server.now()).toBe(start - 49_500)
    clock.advance(1_000)
    server.observe(dated(start + 11_000))
    expect(server.trustedFrom()).toBe(Number.NEGATIVE_INFINITY)
    expect(server.latest()).toBe(start + 11_500)
  })

  test('is believed where it stays: the clock of the server was set back', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    for (let passed = 0; passed <= 150_000; passed += 5_000) {
      server.observe(dated(start - 90_000 + passed))
      clock.advance(5_000)
    }
    expect(server.now()).toBe(start + 65_500)
    expect(server.latest()).toBe(start + 65_500)
    expect(server.offset()).toBe(-89_500)
    expect(server.trustedFrom()).toBe(Number.NEGATIVE_INFINITY)
  })

  test('is not taken for a wrong clock of ours while other Dates agree with it', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    server.observe(dated(start - 60_000))
    expect(server.offset()).toBe(0)
    clock.step(-120_000)
    expect(server.offset()).toBe(60_500)
  })
})

describe('replicas of the server whose clocks differ', () => {
  /** Answers of two replicas in turn, for ten minutes. */
  function alternate(clock: FakeClock, server: ServerClock, skew: number): Set<number> {
    const voided = new Set<number>()
    for (let turn = 0; turn < 120; turn++) {
      server.observe(dated(start + turn * 5_000 + (turn % 2 === 0 ? 0 : skew)))
      voided.add(server.trustedFrom())
      clock.advance(5_000)
    }
    return voided
  }

  test.each([3_000, 10_000, 60_000])('by %i ms void the evidence once', (skew) => {
    const { clock, server } = pair()
    expect(alternate(clock, server, skew).size).toBeLessThanOrEqual(2)
  })

  test('span the present from the earlier to the later clock', () => {
    const { clock, server } = pair()
    alternate(clock, server, 10_000)
    const passed = 600_000
    expect(server.latest()).toBe(start + passed + 10_500)
    expect(server.date()).toBe(start + passed + 10_500)
    expect(server.now()).toBe(clock.now())
    clock.step(-60_000)
    expect(server.now()).toBe(start + passed + 500)
  })

  test('hide no suspension that is shorter than they differ', () => {
    const { clock, server } = pair()
    alternate(clock, server, 20_000)
    const before = clock.monotonic()
    clock.advance(1_000)
    clock.step(10_000)
    server.observe(dated(start + 600_000 + 11_000))
    expect(server.trustedFrom()).toBeGreaterThan(before)
  })
})

describe('the Date of a published document, which a cache may have kept', () => {
  test('lowers no estimate, however old it is', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    clock.advance(10_000)
    server.observe(dated(start - 50_000), 0, true)
    expect(server.read()).toEqual({ now: clock.now(), latest: start + 10_500, hidden: 0 })
  })

  test('leaves open what it does not tell while no other was seen', () => {
    for (const ahead of [-120_000, 120_000]) {
      const { clock, server } = pair()
      server.observe(dated(start + ahead), 0, true)
      expect(server.now()).toBe(Math.min(start, start + ahead + 500))
      expect(server.latest()).toBe(Math.max(start, start + ahead + 500))
      expect(server.date()).toBeUndefined()
      // Only a Date ahead of our clock tells that it is wrong.
      expect(server.offset()).toBe(Math.max(0, ahead + 500))
      server.observe(dated(start))
      expect(server.read()).toEqual({ now: clock.now(), latest: start + 500, hidden: 0 })
    }
  })

  test('tells of a suspension, and of no more than it', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    clock.advance(1_000)
    clock.step(60_000)
    server.observe(dated(start + 31_000), 0, true)
    expect(server.trustedFrom()).toBe(clock.monotonic())
    expect(server.latest()).toBeGreaterThanOrEqual(start + 61_000)
    expect(server.read().hidden).toBe(60_000)
  })
})

describe('our wall clock', () => {
  const hour = 3_600_000

  test.each([-hour, hour])('set by %i ms is not believed, before or after a Date', (step) => {
    const { clock, server } = pair()
    server.observe(dated(start))
    clock.step(step)
    expect(server.now()).toBe(start + 500)
    expect(server.latest()).toBe(start + 500 + Math.max(0, step))
    for (let turn = 1; turn < 100; turn++) {
      clock.advance(5_000)
      server.observe(dated(start + turn * 5_000))
      expect(server.read()).toEqual({
        now: start + 500 + turn * 5_000,
        latest: start + 500 + turn * 5_000,
        hidden: 0,
      })
    }
    expect(server.offset()).toBe(500 - step)
    expect(server.trustedFrom()).toBe(Number.NEGATIVE_INFINITY)
  })

  test('is believed after a long suspension, when the server agrees', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    clock.step(hour)
    server.observe(dated(start + hour))
    expect(server.read()).toEqual({ now: clock.now(), latest: start + hour + 500, hidden: 0 })
    expect(server.trustedFrom()).toBe(clock.monotonic())
  })

  test('is believed where the server alone moved by more than five minutes', () => {
    const { clock, server } = pair()
    server.observe(dated(start))
    clock.advance(1_000)
    server.observe(dated(start + hour))
    expect(server.now()).toBe(clock.now())
    expect(server.latest()).toBe(clock.now())
    server.observe(dated(start + 1_000))
    expect(server.latest()).toBe(start + 1_500)
  })
})
