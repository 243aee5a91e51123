import { createBackoff } from '../backoff.ts'
import type { Clock, ServerClock } from '../clock.ts'
import { maxCorrection } from '../clock.ts'
import { UpstreamError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import type { Upstream } from '../upstream.ts'
import type { UpstreamAnswer } from '../upstream-answer.ts'
import type { Deny, Unknown } from '../verdict.ts'
import { deny, unknown } from '../verdict.ts'
import type { VerificationKey } from './jwks.ts'
import { importKeys } from './jwks.ts'

/** The server's current verification keys. */
export interface Keys {
  /**
   * The key of this `kid`, loading the set anew where it is not known and the cool-down allows it.
   *
   * @param kid from a token's header
   * @param issuedAt reads the token's `iat` in seconds; asked only where the key is not known
   * @returns the key; `unknown_key` where the set cannot hold it; or `unknown` (503) where it may
   *   have been published since the set was loaded, or where no set was loaded at all
   */
  find(kid: string, issuedAt: () => number | undefined): Lookup | Promise<Lookup>
  /**
   * Grows whenever a key is withdrawn or replaced: what was verified before must be verified anew.
   */
  generation(): number
  /** What is known about the set. */
  status(): KeysStatus
  /** Loads the set now, or joins a load under way. Never throws. */
  reload(): Promise<void>
  /** Ends the periodic refresh. */
  close(): void
}

type Lookup = VerificationKey | Deny | Unknown

export interface KeysStatus {
  readonly loaded: boolean
  /** Milliseconds since the set was last loaded; undefined before it was. */
  readonly age: number | undefined
  readonly kids: readonly string[]
  /** Why the last load failed; undefined where it did not. */
  readonly problem: string | undefined
}

export interface KeysOptions {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly observer: Observer
  /** Milliseconds between refreshes, default 5 minutes. */
  readonly refreshEvery?: number
  /** Milliseconds between two loads that an unknown `kid` may cause, default 10 s. */
  readonly coolDown?: number
}

const path = '/.well-known/jwks.json'
const limit = 1_048_576
const timeout = 3_000
/** Seconds by which an `iat` may be before the date of a set that its key came after. */
const leeway = 5

const unknownKey = deny('unknown_key')
const plausibleKid = /^[A-Za-z0-9._~:+=@-]{1,256}$/

/**
 * Keeps the server's JWKS (RFC 7517 §5): one load in flight, refreshed every few minutes, and at
 * most one load per cool-down for unknown `kid`s, whatever its result, so that strangers cannot
 * make the gate hammer the server. A load that fails or brings no usable key changes nothing.
 *
 * @param options the way to the server, clocks, observer
 */
export function createKeys(options: KeysOptions): Keys {
  const { upstream, clock, serverClock, observer } = options
  const refreshEvery = options.refreshEvery ?? 300_000
  const coolDown = options.coolDown ?? 10_000

  let keys: ReadonlyMap<string, VerificationKey> = new Map()
  let generation = 0
  let loadedAt: number | undefined
  /** Loads begun so far, and which of them brought the set in use from the server itself. */
  let begun = 0
  let current = 0
  /** The server's time, in seconds, of the set in use: not later than it was. */
  let currentAt = 0
  /** When the set in use was made, at the latest (monotonic). */
  let madeAt = Number.NEGATIVE_INFINITY
  /** When an unknown `kid` last caused a load. */
  let provokedAt = Number.NEGATIVE_INFINITY
  let problem: string | undefined
  let loading: Promise<void> | undefined
  let cancelRefresh: () => void = () => {}
  let closed = false
  const backoff = createBackoff(250, 10_000)

  async function load(): Promise<void> {
    const askedAt = clock.monotonic()
    const number = ++begun
    try {
      const answer = await upstream.fetchJson({ method: 'GET', path, timeout, limit })
      const fresh = await importKeys(answer.json)
      if (fresh.size === 0) {
        problem = 'the key set holds no usable key'
        observer.keysReloaded?.('empty', keys.size)
        observer.note?.('error', 'JWKS holds no usable ES256 or RS256 key; keeping the last set')
        return
      }
      // By the monotonic clock: whatever `Date` says, a key that was withdrawn must not come back.
      const made = answer.age === undefined ? askedAt : clock.monotonic() - answer.age
      if (made < madeAt) {
        problem = undefined
        observer.keysReloaded?.('stale', keys.size)
        return
      }
      madeAt = made
      if (!holdsAll(fresh, keys)) generation++
      keys = fresh
      loadedAt = clock.monotonic()
      // A cache's set may be older than the token that it was asked for.
      current = answer.age === undefined ? number : 0
      currentAt = dateOf(answer, clock.monotonic() - askedAt, serverClock) / 1000
      problem = undefined
      observer.keysReloaded?.('ok', keys.size)
    } catch (error) {
      if (closed) return
      const code = error instanceof UpstreamError ? error.code : 'unexpected_body'
      problem = error instanceof Error ? error.message : code
      observer.keysReloaded?.(code, keys.size)
      observer.note?.('warn', 'JWKS could not be loaded; keeping the last set', { problem })
    }
  }

  function reload(): Promise<void> {
    loading ??= load().finally(() => {
      loading = undefined
      schedule()
    })
    return loading
  }

  function schedule(): void {
    cancelRefresh()
    if (closed) return
    if (problem === undefined) backoff.reset()
    const pause = problem === undefined ? refreshEvery : backoff.next()
    cancelRefresh = clock.after(pause, () => void reload())
  }

  /** @param seen how many loads had begun when the token came */
  function settle(kid: string, issuedAt: () => number | undefined, seen: number): Lookup {
    const key = keys.get(kid)
    if (key !== undefined) return key
    if (loadedAt === undefined) return unknown('keys_not_loaded', 1)
    if (!plausibleKid.test(kid)) return unknownKey
    // Asked for after the token had come: a key that the server still has would be in it.
    if (current > seen) return unknownKey
    // Minted after the set was asked for: the server may have changed its key since. A 401 would
    // make a good agent throw its token away during a rotation.
    return isWithin(issuedAt(), currentAt, serverClock.latest() / 1000)
      ? unknown('key_not_seen_yet', Math.ceil(coolDown / 1000))
      : unknownKey
  }

  return {
    find(kid, issuedAt) {
      const key = keys.get(kid)
      if (key !== undefined) return key
      if (!plausibleKid.test(kid) && loadedAt !== undefined) return unknownKey
      const seen = begun
      if (loading === undefined) {
        const present = clock.monotonic()
        if (present - provokedAt < coolDown) return settle(kid, issuedAt, seen)
        provokedAt = present
      }
      return reload().then(() => settle(kid, issuedAt, seen))
    },
    generation: () => generation,
    status: () => ({
      loaded: loadedAt !== undefined,
      age: loadedAt === undefined ? undefined : clock.monotonic() - loadedAt,
      kids: [...keys.keys()],
      problem,
    }),
    reload,
    close() {
      closed = true
      cancelRefresh()
    },
  }
}

/**
 * The server says itself of when its answer is, in the clock that tokens are dated by. Of several
 * replicas another one may have minted a token, and some caches write a `Date` of their own.
 */
function dateOf({ date, age }: UpstreamAnswer, elapsed: number, clock: ServerClock): number {
  const believed = clock.now() - elapsed - (age ?? 0)
  const told = date ?? believed
  const own = age === undefined ? told : Math.min(told, believed)
  const slowest = clock.earliest()
  return slowest === undefined ? own : Math.min(own, slowest - elapsed)
}

/** All in seconds; `iat` is cut to whole ones. */
function isWithin(issued: number | undefined, from: number, until: number): boolean {
  if (issued === undefined) return false
  return issued >= Math.floor(from) - leeway && issued <= until + maxCorrection / 1000
}

/** Whether each of these keys is in the set, and is the same. */
function holdsAll(
  set: ReadonlyMap<string, VerificationKey>,
  keys: ReadonlyMap<string, VerificationKey>,
): boolean {
  return [...keys.values()].every(({ kid, material }) => set.get(kid)?.material === material)
}
