/** Most stretches that are told apart. */
const mostStretches = 16

interface Stretch {
  readonly from: number
  /** The last second of it. */
  readonly to: number
}

/** Seconds of which it is no longer known what was used in them. */
export interface Forgotten {
  /** @param present the second that it is now */
  add(second: number, present: number): void
  has(second: number): boolean
}

/**
 * Remembers seconds as a few stretches. They only ever grow, so that a second once added stays.
 * Where there are too many, the two that are closest become one with all that lies between them,
 * but never with the present between them: the proofs of now are not to be refused for it.
 */
export function createForgotten(): Forgotten {
  const stretches: Stretch[] = []

  function joinClosest(present: number): void {
    let at = 0
    let smallest = Number.POSITIVE_INFINITY
    for (let i = 1; i < stretches.length; i++) {
      const [left, right] = stretches.slice(i - 1, i + 1) as [Stretch, Stretch]
      const gap = right.from - left.to
      if (gap >= smallest || (left.to < present && right.from > present)) continue
      at = i
      smallest = gap
    }
    const [left, right] = stretches.slice(at - 1, at + 1) as [Stretch, Stretch]
    stretches.splice(at - 1, 2, { from: left.from, to: Math.max(left.to, right.to) })
  }

  return {
    add(second, present) {
      const at = stretches.findIndex(({ from, to }) => second >= from - 1 && second <= to + 1)
      const near = stretches[at]
      if (near !== undefined) {
        stretches[at] = { from: Math.min(near.from, second), to: Math.max(near.to, second) }
        return
      }
      stretches.push({ from: second, to: second })
      stretches.sort((a, b) => a.from - b.from)
      if (stretches.length > mostStretches) joinClosest(present)
    },
    has: (second) => stretches.some(({ from, to }) => second >= from && second <= to),
  }
}
