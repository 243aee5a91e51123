import type { Clock } from '../clock.ts'

/** Lets a bounded number through at a time, and nobody wait in vain. */
export interface Turnstile {
  /**
   * @returns a turn; undefined at once where the queue could not be served within the patience,
   *   or when the patience is over
   */
  enter(): Promise<Turn | undefined>
}

export interface Turn {
  leave(): void
}

export interface TurnstileOptions {
  /** Turns at a time. */
  readonly width: number
  /** Milliseconds that anybody waits at most. */
  readonly patience: number
  readonly clock: Clock
}

interface Waiting {
  readonly admit: (turn: Turn | undefined) => void
  readonly giveUp: () => void
}

/**
 * @param options width, patience, clock
 */
export function createTurnstile({ width, patience, clock }: TurnstileOptions): Turnstile {
  const queue: Waiting[] = []
  let inside = 0
  /** Mean milliseconds of a turn, the newest weighing an eighth. */
  let meanTurn = 0
  /** When a turn last began or ended. */
  let movedAt = clock.monotonic()

  function openTurn(): Turn {
    inside++
    const since = clock.monotonic()
    movedAt = since
    let left = false
    return {
      leave() {
        if (left) return
        left = true
        inside--
        movedAt = clock.monotonic()
        meanTurn += (movedAt - since - meanTurn) / 8
        admitNext()
      },
    }
  }

  function admitNext(): void {
    const next = inside < width ? queue.shift() : undefined
    if (next === undefined) return
    next.giveUp()
    next.admit(openTurn())
  }

  function join(): Promise<Turn | undefined> {
    return new Promise((resolve) => {
      const cancel = clock.after(patience, () => {
        const place = queue.indexOf(waiting)
        if (place !== -1) queue.splice(place, 1)
        resolve(undefined)
      })
      const waiting: Waiting = { admit: resolve, giveUp: cancel }
      queue.push(waiting)
    })
  }

  return {
    async enter() {
      if (inside < width) return openTurn()
      // Where all stand still a turn takes that long at least, however short the others were.
      const turn = Math.max(meanTurn, clock.monotonic() - movedAt)
      const wait = (queue.length / width + 1) * turn
      // A mean of nothing yet says nothing: then a queue of a few widths is let stand.
      if (wait > patience || queue.length >= width * 16) return undefined
      return await join()
    },
  }
}
