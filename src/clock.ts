import type { Span } from './recent-span.ts'
import { createRecentSpan } from './recent-span.ts'

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

/**
 * How far the server's clock may differ from ours, or from what it last told, in milliseconds: what
 * differs more is not made up.
 */
export const maxCorrection: number = 5 * 60_000
/** Milliseconds by which our two clocks may drift apart before one is known to have missed time. */
const drift = 1_000
/** A `Date` header is cut to whole seconds; milliseconds. */
const datePrecision = 1_000
/** Milliseconds for which a `Date` counts beside newer ones that say otherwise. */
const memory = 60_000

/**
 * The server's time, as far as its `Date` headers and our own clocks tell. The two estimates differ
 * where its `Date`s do (replicas, a clock that was set back), and where our wall clock has moved
 * ahead of the monotonic one: somebody set it, or this machine was suspended, and nothing here can
 * tell which.
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
  /** The earliest that it can say: of several replicas, that of the slowest clock. */
  earliest(): number | undefined
  /**
   * By how many milliseconds what it said lately differs, of several replicas or since its clock was
   * set; 0 where whole seconds and slow answers explain it.
   */
  spread(): number
  /**
   * How far the server's clock is ahead of ours in milliseconds, by the `Date` that agrees best; 0
   * until one was seen.
   */
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
   * @param published default false; a document that a cache may have kept: its `Date` is not later
   *   than the server's time, and that is all it tells
   */
  observe(date: string | undefined, elapsed?: number, published?: boolean): void
}

/**
 * Follows the server's clock. Within the leeway our own clock is used where it is right or ahead, so
 * that a `Date` header's whole seconds add no jitter; a slow one would let tokens outlive their leeway.
 * Past it the difference is made up in both directions, so that a gate whose clock is wrong by minutes
 * refuses no good token.
 *
 * A `Date` ahead of all others counts at once, and what is older than it has an age that cannot be
 * told. One that is behind them lowers `now` at once and `latest` only when it has stood for a
 * minute or two: it may be old, or of a replica that is behind.
 *
 * Once the server's clock and ours agreed within five minutes, the monotonic clock carries the
 * server's time on, however our wall clock is set later. Where they never agreed neither is known
 * to be right, and ours is used as it is.
 *
 * @param clock ours
 * @param leeway milliseconds, `GATE_CLOCK_SKEW`
 */
export function createServerClock(clock: Clock, leeway: number): ServerClock {
  /** The server's time less our monotonic one. */
  const offsets = createRecentSpan(memory)
  /** The same by published documents: not less than this. */
  let atLeast = Number.NEGATIVE_INFINITY
  let seen: { readonly monotonic: number; readonly wall: number } | undefined
  let believed = false
  let trustedFrom = Number.NEGATIVE_INFINITY

  function hiddenAt(wall: number, monotonic: number): number {
    if (seen === undefined) return 0
    const ahead = wall - seen.wall - (monotonic - seen.monotonic)
    return ahead > drift ? ahead : 0
  }

  function read(monotonic: number = clock.monotonic()): ServerTime {
    const wall = clock.now()
    const known = offsets.value()
    if (known === undefined) return readPublished(wall, atLeast + monotonic)
    const hidden = hiddenAt(wall, monotonic)
    if (!believed) return { now: wall, latest: wall, hidden }
    const earliest = known.low + monotonic
    const isWithin = Math.abs(earliest - wall) <= leeway
    const now = isWithin ? Math.max(wall, earliest - datePrecision / 2) : earliest
    return { now, latest: Math.max(now, known.high + monotonic + hidden), hidden }
  }

  /** No allow rests on it: whatever proves anything brings a `Date` that counts. */
  function readPublished(wall: number, published: number): ServerTime {
    const isCredible = Math.abs(published - wall) <= maxCorrection
    if (!isCredible) return { now: wall, latest: wall, hidden: 0 }
    return {
      now: published < wall - leeway ? published : wall,
      latest: Math.max(published, wall),
      hidden: 0,
    }
  }

  function take(told: Span, known: Span | undefined, monotonic: number, published: boolean): void {
    const wall = clock.now()
    const hidden = hiddenAt(wall, monotonic)
    const credible =
      isNear(told, { low: wall - monotonic, high: wall - monotonic }) ||
      (believed && known !== undefined && isNear(told, { ...known, high: known.high + hidden }))
    const slept = known !== undefined && (isAhead(told, known) || maySleep(told, known, hidden))
    if (slept) trustedFrom = monotonic
    // What a clock that stood still carried on is worth nothing.
    if (slept || credible !== believed) offsets.forget()
    believed = credible
    offsets.note(nearest(offsets.value(), told), monotonic)
    if (!published) seen = { monotonic, wall }
  }

  return {
    read,
    now: () => read().now,
    latest: () => read().latest,
    date() {
      const known = offsets.value()
      if (known === undefined) return undefined
      const monotonic = clock.monotonic()
      return known.high + monotonic + hiddenAt(clock.now(), monotonic)
    },
    earliest() {
      const known = offsets.value()
      return known === undefined ? undefined : known.low + clock.monotonic()
    },
    spread() {
      const { low, high } = offsets.value() ?? { low: 0, high: 0 }
      return high - low > datePrecision + drift ? high - low : 0
    },
    offset() {
      const ours = clock.now() - clock.monotonic()
      // A published Date tells only whether we are behind it.
      const { low, high } = offsets.value() ?? { low: atLeast, high: Number.POSITIVE_INFINITY }
      return Math.max(0, low - ours) + Math.min(0, high - ours)
    },
    trustedFrom: () => trustedFrom,
    observe(header, elapsed = 0, published = false) {
      const parsed = header === undefined ? Number.NaN : Date.parse(header)
      if (!Number.isFinite(parsed)) return
      const monotonic = clock.monotonic()
      // The header is cut to whole seconds: half a second is its mean error.
      const low = parsed + datePrecision / 2 - monotonic
      const told = { low, high: low + elapsed }
      const known = offsets.value()
      if (!published || (known !== undefined && isAhead(told, known))) {
        take(told, known, monotonic, published)
      } else atLeast = Math.max(atLeast, told.low)
    },
  }
}

/** Later than any clock that is known could be by now. */
function isAhead(told: Span, known: Span): boolean {
  return told.low > known.high + datePrecision + drift
}

/**
 * Where replicas differ, one that is behind looks after a suspension as one that is ahead did
 * before it. Where they do not, a suspension shows by a `Date` that is ahead.
 */
function maySleep(told: Span, known: Span, hidden: number): boolean {
  const differ = known.high - known.low > datePrecision
  return hidden > 0 && differ && told.high + datePrecision >= known.low + hidden
}

function isNear(told: Span, known: Span): boolean {
  return told.low <= known.high + maxCorrection && told.high >= known.low - maxCorrection
}

/** The server wrote its `Date` at some moment of the exchange: the one that fits what is known. */
function nearest(known: Span | undefined, told: Span): Span {
  if (known === undefined) return told
  const within = (value: number): number => Math.min(Math.max(value, told.low), told.high)
  return { low: within(known.low), high: within(known.high) }
}
