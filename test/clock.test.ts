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

  test('is our own clock within the leeway', () => {
    const { clock, server, tell } = pair(4_000)
    tell()
    expect(server.now()).toBe(clock.now())
    expect(server.latest()).toBe(start + 4_500)
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
