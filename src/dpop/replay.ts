import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { createBeginning } from './beginning.ts'
import { leeway, maxAge } from './claims.ts'
import { createForgotten } from './forgotten.ts'

/** One use of one proof. */
export interface Use {
  /** A digest of key and `jti`: neither is kept as text. */
  readonly id: string
  /** The key's thumbprint. */
  readonly holder: string
  /** Seconds since the epoch, by the proof. */
  readonly issuedAt: number
}

/**
 * What is known of a proof before it is used.
 *
 * - `new`: it was never used, and there is room to remember that it is;
 * - `used`: it was used;
 * - `forgotten`: it is of a time of which the uses are no longer known;
 * - `early`: it is of a time before the memory began, of which no use was ever known;
 * - `full`: it was never used, but there is no room to remember it.
 */
export type Known = 'new' | 'used' | 'forgotten' | 'early' | 'full'

/** The proofs that were used and could still pass as fresh. */
export interface ReplayMemory {
  look(use: Use): Known
  /** Notes a use that was just found to be `new`. */
  remember(use: Use): void
  /**
   * Whole seconds, 1 or more: the earliest that there may be room for this key's uses again; for a use
   * that is `early` the earliest that one may not be.
   */
  retryAfter(use: Use): number
  size(): number
}

/** What the memory needs. */
export interface ReplayOptions {
  readonly clock: Clock
  /** The server's time, milliseconds since the epoch. */
  readonly now: () => number
  /** Proofs at most; a tenth of it for each key. */
  readonly limit: number
  /**
   * Nothing that is asked for can have been used before the memory began, as where each proof carries
   * a nonce that this process alone gives out; default false.
   */
  readonly knowsAll?: boolean | undefined
}

/** The uses of proofs made in the same second. */
interface Bucket {
  readonly ids: string[]
  /** How many of them there are of each key, by its thumbprint. */
  readonly counts: Map<string, number>
  /** When the first of them came (monotonic). */
  readonly since: number
}

/** How long a proof can be fresh at most, in milliseconds: one from the future for longest. */
const lifetime = maxAge + leeway
/** How often it is looked for what can be dropped, in monotonic milliseconds. */
const sweepInterval = 1_000

/**
 * A use is known by key and `jti`, never by the proof's bytes: an ECDSA signature can be turned into
 * a second one by anybody, and a holder can sign the same claims twice.
 *
 * @param thumbprint of the key
 * @param jti of the proof
 * @param issuedAt `iat`, seconds
 */
export function useOf(thumbprint: string, jti: string, issuedAt: number): Use {
  // A thumbprint is 43 characters long: where it ends is no question.
  const id = hash('sha256', thumbprint + jti, 'buffer').toString('latin1', 0, 16)
  return { id, holder: thumbprint, issuedAt }
}

/**
 * Remembers used proofs for as long as they could pass as fresh, and none for less: without room the
 * next one is not taken (RFC 9449 §11.1). Nothing outlives the process: of a proof from before the
 * memory began nobody can tell ({@link createBeginning}).
 *
 * No clock is trusted alone. A second is dropped when the wall clock says that its proofs are no
 * longer fresh *and* so much monotonic time has passed that they should not be; a clock that jumps
 * ahead and back drops nothing. From then on the second counts as forgotten, and whatever is of it is
 * refused: a clock set back revives no used proof, and nobody else is locked out by that. A clock
 * that ran ahead leaves uses from the future behind: they stay while there is room, and are forgotten
 * in the same way where it is needed.
 *
 * @param options clocks and limit
 */
export function createReplayMemory(options: ReplayOptions): ReplayMemory {
  const { clock, now, limit, knowsAll = false } = options
  const share = Math.max(1, Math.floor(limit / 10))
  const beginning = createBeginning({ clock, now })
  const ids = new Set<string>()
  /** How many uses there are of each key, by its thumbprint. */
  const holders = new Map<string, number>()
  /** By the second that no `iat` in them is past. */
  const buckets = new Map<number, Bucket>()
  const forgotten = createForgotten()
  let sweptAt = Number.NEGATIVE_INFINITY
  let wasFull = false

  function sweep(): void {
    const monotonic = clock.monotonic()
    if (monotonic - sweptAt < sweepInterval) return
    sweptAt = monotonic
    const wall = now()
    for (const [second, bucket] of buckets) {
      if (monotonic - bucket.since < lifetime) continue
      const isPast = second * 1000 < wall - maxAge
      const isAhead = second * 1000 > wall + leeway + 1000
      if (isPast || (isAhead && wasFull)) drop(second, bucket, wall)
    }
    wasFull = false
  }

  function drop(second: number, bucket: Bucket, wall: number): void {
    forgotten.add(second, wall / 1000)
    buckets.delete(second)
    for (const id of bucket.ids) ids.delete(id)
    for (const [holder, count] of bucket.counts) {
      const left = countOf(holder) - count
      if (left === 0) holders.delete(holder)
      else holders.set(holder, left)
    }
  }

  function countOf(holder: string): number {
    return holders.get(holder) ?? 0
  }

  function isEarly({ issuedAt }: Use): boolean {
    return !knowsAll && beginning.precedes(issuedAt)
  }

  /** Whole seconds until the first bucket goes that makes room for a key. */
  function untilRoom(holder: string): number {
    const [monotonic, wall] = [clock.monotonic(), now()]
    const isAtShare = countOf(holder) >= share
    let wait = lifetime
    for (const [second, { since, counts }] of buckets) {
      // A key that has its share waits for one of its own: what others leave is not for it.
      if (isAtShare && !counts.has(holder)) continue
      const stale = second * 1000 + maxAge - wall
      wait = Math.min(wait, Math.max(since + lifetime - monotonic, stale))
    }
    return Math.max(1, Math.ceil(wait / 1000))
  }

  return {
    look(use) {
      sweep()
      if (ids.has(use.id)) return 'used'
      if (forgotten.has(Math.ceil(use.issuedAt))) return 'forgotten'
      if (isEarly(use)) return 'early'
      if (ids.size < limit && countOf(use.holder) < share) return 'new'
      wasFull = true
      return 'full'
    },
    remember({ id, holder, issuedAt }) {
      const second = Math.ceil(issuedAt)
      const bucket: Bucket = buckets.get(second) ?? {
        ids: [],
        counts: new Map(),
        since: clock.monotonic(),
      }
      bucket.ids.push(id)
      bucket.counts.set(holder, (bucket.counts.get(holder) ?? 0) + 1)
      buckets.set(second, bucket)
      ids.add(id)
      holders.set(holder, countOf(holder) + 1)
    },
    retryAfter: (use) => (isEarly(use) ? beginning.wait(use.issuedAt) : untilRoom(use.holder)),
    size() {
      sweep()
      return ids.size
    },
  }
}
