import type { Clock } from '../../src/clock.ts'

/** A clock that tests move by hand; timers fire as time passes them. */
export interface FakeClock extends Clock {
  /** Moves both clocks on by `ms` and fires what falls due, in order. */
  advance(ms: number): void
  /** Steps the wall clock alone, as an operator or NTP would. */
  step(ms: number): void
}

export function createFakeClock(start: number = Date.now()): FakeClock {
  let wall = start
  let monotonic = 1_000
  const timers = new Set<{ at: number; fn: () => void }>()

  return {
    now: () => wall,
    monotonic: () => monotonic,
    after(ms, fn) {
      const timer = { at: monotonic + ms, fn }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    step(ms) {
      wall += ms
    },
    advance(ms) {
      const end = monotonic + ms
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        wall += Math.max(0, due.at - monotonic)
        monotonic = Math.max(monotonic, due.at)
        due.fn()
      }
      wall += end - monotonic
      monotonic = end
    },
  }
}
