/** Time, injected so that tests can move it. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. */
  now(): number
  /** Monotonic milliseconds: ages and deadlines use this, so that a stepped clock changes none. */
  monotonic(): number
  /**
   * Calls `fn` once after `ms` milliseconds without keeping the process alive.
   *
   * @returns a function that cancels it
   */
  after(ms: number, fn: () => void): () => void
}

/** The system's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** How far a server's clock may correct ours, in milliseconds; past it neither is to be believed. */
const maxCorrection = 5 * 60_000
/** Milliseconds by which our two clocks may drift apart before one is known to have missed time. */
const drift = 1_000
/** A `Date` header is cut to whole seconds; milliseconds. */
const datePrecision = 1_000

/**
 * The server's time, as far as its `Date` headers and our own clocks tell. The two estimates differ
 * only where our wall clock has moved ahead of the monotonic one: somebody set it, or this machine
 * was suspended, and nothing here can tell which.
 */
export interface ServerTime {
  /** Milliseconds since the epoch: not later than the server's time, by what is known. */
  readonly now: number
  /** Milliseconds since the epoch: not earlier than the server's time, by what is known. */
  readonly latest: number
  /** Milliseconds that the monotonic clock may have missed since the last `Date`. */
  readonly hidden: number
}

/** Follows the server's clock. */
export interface ServerClock {
  /** @param monotonic the present on our monotonic clock, where the caller has just read it */
  read(monotonic?: number): ServerTime
  /** `read().now`. */
  now(): number
  /** `read().latest`. */
  latest(): number
  /** The latest that the server's own clock can say; undefined before a `Date` was seen. */
  date(): number | undefined
  /** How far the server's clock is ahead of ours in milliseconds; 0 until a `Date` was seen. */
  offset(): number
  /**
   * Since when (monotonic) ages can be trusted: a `Date` told then that the server's clock had moved
   * on further than our monotonic one, as after a suspension.
   */
  trustedFrom(): number
  /**
   * Notes the `Date` header of an answer from ZeroID (RFC 9110 §6.6.1).
   *
   * @param date the header
   * @param elapsed milliseconds since the request was sent, default 0: the server wrote the header
   *   at some moment between, and a busy process may have read it late
   */
  observe(date: string | undefined, elapsed?: number): void
}

/** The last `Date`, and when it was seen. Milliseconds. */
interface Seen {
  readonly server: number
  /** When its request was sent (monotonic). */
  readonly sent: number
  readonly monotonic: number
  readonly wall: number
}

/**
 * Follows the server's clock. Within the leeway our own clock is used as it is, so that a `Date`
 * header's whole seconds add no jitter; past it the difference is made up, so that a gate whose
 * clock is wrong by minutes refuses no good token.
 *
 * @param clock ours
 * @param leeway milliseconds, `GATE_CLOCK_SKEW`
 */
export function createServerClock(clock: Clock, leeway: number): ServerClock {
  let seen: Seen | undefined
  let trustedFrom = Number.NEGATIVE_INFINITY

  function read(monotonic: number = clock.monotonic()): ServerTime {
    const wall = clock.now()
    if (seen === undefined) return { now: wall, latest: wall, hidden: 0 }
    const server = serverAt(seen, monotonic)
    const ahead = wall - seen.wall - (monotonic - seen.monotonic)
    const hidden = ahead > drift ? ahead : 0
    const now = isCredible(server, wall) && Math.abs(server - wall) > leeway ? server : wall
    return {
      now,
      latest: Math.max(now, credible(server, wall), credible(server + hidden, wall)),
      hidden,
    }
  }

  function date(): number | undefined {
    if (seen === undefined) return undefined
    const monotonic = clock.monotonic()
    return serverAt(seen, monotonic) + read(monotonic).hidden
  }

  return {
    read,
    now: () => read().now,
    latest: () => read().latest,
    date,
    offset: () => (seen === undefined ? 0 : serverAt(seen, clock.monotonic()) - clock.now()),
    trustedFrom: () => trustedFrom,
    observe(header, elapsed = 0) {
      const parsed = header === undefined ? Number.NaN : Date.parse(header)
      if (!Number.isFinite(parsed)) return
      // The header is cut to whole seconds: half a second is its mean error.
      const server = parsed + datePrecision / 2
      const monotonic = clock.monotonic()
      if (seen !== undefined) {
        const atLeast = server - seen.server - datePrecision
        const atMost = monotonic - seen.sent
        if (atLeast > atMost + drift) trustedFrom = monotonic
      }
      seen = { server, sent: monotonic - elapsed, monotonic, wall: clock.now() }
    },
  }
}

/** The server's time by its last `Date` and our monotonic clock alone. */
function serverAt(seen: Seen, monotonic: number): number {
  return seen.server + (monotonic - seen.monotonic)
}

function isCredible(server: number, ours: number): boolean {
  return Math.abs(server - ours) <= maxCorrection
}

function credible(server: number, ours: number): number {
  return isCredible(server, ours) ? server : ours
}
