/** From the least to the greatest. */
export interface Span {
  readonly low: number
  readonly high: number
}

/** What was noted lately, as one span. */
export interface RecentSpan {
  /** Undefined while nothing is noted. */
  value(): Span | undefined
  /** @param at the present, milliseconds on any clock that does not go back */
  note(span: Span, at: number): void
  forget(): void
}

/**
 * Remembers by what is noted and not by time alone: without news the last span stands for ever.
 *
 * @param keep milliseconds; something is forgotten between one and two of them later, and only
 *   after two others were noted
 */
export function createRecentSpan(keep: number): RecentSpan {
  let last: Span | undefined
  let current: Span | undefined
  let currentSince = 0
  let both: Span | undefined

  return {
    value: () => both,
    note(span, at) {
      if (current === undefined || at - currentSince > keep) {
        last = current
        current = span
        currentSince = at
      } else current = join(current, span)
      both = last === undefined ? current : join(last, current)
    },
    forget() {
      last = undefined
      current = undefined
      both = undefined
    },
  }
}

function join(a: Span, b: Span): Span {
  return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) }
}
