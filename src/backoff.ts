/** Growing pauses between attempts, with jitter so that many gates do not return in step. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt; grows with each call. */
  next(): number
  /** Starts again after a success. */
  reset(): void
}

/**
 * @param first milliseconds before the first retry
 * @param cap milliseconds at most
 * @param random 0 to 1, default `Math.random`
 */
export function createBackoff(
  first: number,
  cap: number,
  random: () => number = Math.random,
): Backoff {
  let attempts = 0
  return {
    next() {
      const full = Math.min(cap, first * 2 ** attempts)
      attempts = Math.min(attempts + 1, 30)
      return full / 2 + (full / 2) * random()
    },
    reset() {
      attempts = 0
    },
  }
}
