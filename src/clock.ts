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

/** The server's time, as far as its `Date` headers tell. */
export interface ServerClock {
  /**
   * Best estimate of the server's time, milliseconds since the epoch.
   *
   * @param monotonic the present on our monotonic clock, where the caller has just read it
   */
  now(monotonic?: number): number
  /** How far the server's clock is ahead of ours in milliseconds; 0 until a `Date` was seen. */
  offset(): number
  /** The last `Date` header seen, moved on by the monotonic time since; undefined before it. */
  date(): number | undefined
  /** Notes the `Date` header of an answer from ZeroID (RFC 9110 §6.6.1). */
  observe(date: string | undefined): void
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
  let seen: { server: number; monotonic: number } | undefined

  const date = (): number | undefined =>
    seen === undefined ? undefined : seen.server + (clock.monotonic() - seen.monotonic)

  const offset = (): number => {
    const server = date()
    return server === undefined ? 0 : server - clock.now()
  }

  return {
    offset,
    date,
    now(monotonic = clock.monotonic()) {
      const ours = clock.now()
      if (seen === undefined) return ours
      const ahead = seen.server + (monotonic - seen.monotonic) - ours
      return Math.abs(ahead) > leeway && Math.abs(ahead) <= maxCorrection ? ours + ahead : ours
    },
    observe(header) {
      const server = header === undefined ? Number.NaN : Date.parse(header)
      // The header is cut to whole seconds: half a second is its mean error.
      if (Number.isFinite(server)) seen = { server: server + 500, monotonic: clock.monotonic() }
    },
  }
}
