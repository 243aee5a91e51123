/** Lets work through in turns, so that no burst holds up what else is due. */
export interface Turns {
  /** Calls `work` in a turn of the event loop of its own, in the order of asking. */
  next(work: () => void): void
}

/** One queue for all who share it: a hundred bursts at once take a hundred turns. */
export function createTurns(): Turns {
  const queue: (() => void)[] = []

  function turn(): void {
    const work = queue.shift()
    if (queue.length > 0) setImmediate(turn)
    work?.()
  }

  return {
    next(work) {
      if (queue.push(work) === 1) setImmediate(turn)
    },
  }
}
