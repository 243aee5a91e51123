import type { Stamp } from './types.ts'

/** The emulator's time, which tests may shift. */
export interface Clock {
  /** The current time in epoch milliseconds. */
  now(): number
  /** Moves the time forward (or back, when negative) by `ms` milliseconds. */
  advance(ms: number): void
  /** Makes it `epochMs` now. Time runs on from there. */
  set(epochMs: number): void
  /** Milliseconds by which the emulator's time is ahead of its source. */
  readonly offset: number
}

/** A clock that also stamps rows. */
export interface StampClock extends Clock {
  /** The current instant; each one later than the one before while the time does not go back. */
  stamp(): Stamp
}

/**
 * Makes the emulator's clock.
 *
 * @param source epoch milliseconds, as `Date.now` gives them
 */
export function createClock(source: () => number): StampClock {
  let offset = 0
  let last: Stamp = { ms: 0, ns: 0 }
  const now = (): number => Math.floor(source() + offset)

  return {
    now,
    advance(ms) {
      offset += ms
    },
    set(epochMs) {
      offset = epochMs - source()
    },
    get offset() {
      return offset
    },
    stamp() {
      const ms = now()
      const ns = Number(process.hrtime.bigint() % 1_000_000n)
      // Two rows of one millisecond keep their order.
      last = ms === last.ms ? { ms, ns: Math.min(last.ns + 1, 999_999) } : { ms, ns }
      return last
    },
  }
}

/**
 * Writes an instant as Go does: RFC 3339 in UTC, trailing zeros of the fraction dropped.
 *
 * @param digits 9 for a fresh row, 6 for one that was read back from the database
 */
export function formatStamp({ ms, ns }: Stamp, digits: 6 | 9): string {
  const [whole = '', millis = '000Z'] = new Date(ms).toISOString().split('.')
  const fraction = `${millis.slice(0, 3)}${String(ns).padStart(6, '0')}`.slice(0, digits)
  const trimmed = fraction.replace(/0+$/, '')
  return trimmed === '' ? `${whole}Z` : `${whole}.${trimmed}Z`
}

/** An epoch-millisecond time as an HTTP `Date` header. */
export function httpDate(epochMs: number): string {
  return new Date(epochMs).toUTCString()
}
