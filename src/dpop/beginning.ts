import type { Clock } from '../clock.ts'
import { leeway, maxAge } from './claims.ts'

/** Tells of a proof whether it may have been used before the memory of uses began. */
export interface Beginning {
  /** @param issuedAt `iat`, seconds */
  precedes(issuedAt: number): boolean
  /** Whole seconds, 1 or more: after so many a new proof of the same client's will not. */
  wait(issuedAt: number): number
}

/** What the beginning needs. */
export interface BeginningOptions {
  readonly clock: Clock
  /** The server's time, milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * Notes that a memory begins now. What was used before is known to nobody, so that for a proof which
 * was made before, too, nobody can tell. A client whose clock is right is refused for a second at
 * most after a start, since `iat` is cut to whole seconds; one whose clock is behind for as long as
 * it is behind, and no longer than a proof is fresh.
 *
 * A proof that was made ahead of its time (a client's clock may be up to 5 s ahead) counts as made
 * after the start where its time is: one that was used in those last seconds before is not told
 * apart from a new one. To refuse those too, every client would have to wait for 5 s.
 *
 * The beginning is told by the monotonic clock, so that it moves with the wall clock when that one is
 * set or the server's time becomes known. The minute before it by the clock of then counts as before
 * it for ever: a clock set back revives none of its proofs.
 *
 * @param options clocks
 */
export function createBeginning({ clock, now }: BeginningOptions): Beginning {
  const began = { wall: now(), monotonic: clock.monotonic() }

  /** Milliseconds: the last moment that lies before the beginning, seen from this one. */
  function endFor(moment: number): number {
    const byPresent = now() - (clock.monotonic() - began.monotonic)
    const isNear = moment > began.wall - maxAge - leeway && moment <= began.wall
    return isNear ? Math.max(byPresent, began.wall) : byPresent
  }

  return {
    precedes: (issuedAt) => issuedAt * 1000 <= endFor(issuedAt * 1000),
    wait: (issuedAt) => Math.max(1, Math.floor(endFor(issuedAt * 1000) / 1000 - issuedAt) + 1),
  }
}
