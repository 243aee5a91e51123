import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
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
 * - `full`: it was never used, but there is no room to remember it.
 */
export type Known = 'new' | 'used' | 'forgotten' | 'full'

/** The proofs that were used and could still pass as fresh. */
export interface ReplayMemory {
  look(use: Use): Known
  /** Notes a use that was just found to be `new`. */
  remember(use: Use): void
  /** Whole seconds, 1 or more: the earliest that there may be room again. */
  retryAfter(): number
  size(): number
}

/** What the memory needs. */
export interface ReplayOptions {
  readonly clock: Clock
  /** The server's time, milliseconds since the epoch. */
  readonly now: () => number
  /** Proofs at most; a tenth of it for each key. */
  readonly limit: number
}

/** The uses of proofs made in the same second. */
interface Bucket {
  readonly uses: { readonly id: string; readonly holder: Holder }[]
  /** When the first of them came (monotonic). */
  readonly since: number
}

interface Holder {
  readonly thumbprint: string
  count: number
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
 * next one is not taken (RFC 9449 §11.1).
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
export function createReplayMemory({ clock, now, limit }: ReplayOptions): ReplayMemory {
  const share = Math.max(1, Math.floor(limit / 10))
  const ids = new Set<string>()
  const holders = new Map<string, Holder>()
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

  function drop(second: number, { uses }: Bucket, wall: number): void {
    forgotten.add(second, wall / 1000)
    buckets.delete(second)
    for (const { id, holder } of uses) {
      ids.delete(id)
      if (--holder.count === 0) holders.delete(holder.thumbprint)
    }
  }

  return {
    look({ id, holder, issuedAt }) {
      sweep()
      if (ids.has(id)) return 'used'
      if (forgotten.has(Math.ceil(issuedAt))) return 'forgotten'
      if (ids.size < limit && (holders.get(holder)?.count ?? 0) < share) return 'new'
      wasFull = true
      return 'full'
    },
    remember({ id, holder: thumbprint, issuedAt }) {
      const second = Math.ceil(issuedAt)
      const bucket = buckets.get(second) ?? { uses: [], since: clock.monotonic() }
      const holder = holders.get(thumbprint) ?? { thumbprint, count: 0 }
      holder.count++
      bucket.uses.push({ id, holder })
      ids.add(id)
      holders.set(thumbprint, holder)
      buckets.set(second, bucket)
    },
    retryAfter() {
      const [monotonic, wall] = [clock.monotonic(), now()]
      let wait = lifetime
      for (const [second, { since }] of buckets) {
        const stale = second * 1000 + maxAge - wall
        wait = Math.min(wait, Math.max(since + lifetime - monotonic, stale))
      }
      return Math.max(1, Math.ceil(wait / 1000))
    },
    size() {
      sweep()
      return ids.size
    },
  }
}
