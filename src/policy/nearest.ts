/**
 * The known name that somebody may have meant.
 *
 * @param text as it was written
 * @param known names
 * @returns undefined where none is near: more than a third of it would have to change
 */
export function nearest(text: string, known: readonly string[]): string | undefined {
  if (text.length > 64) return undefined
  let best: string | undefined
  let least = Math.max(1, Math.floor(text.length / 3)) + 1
  for (const name of known) {
    const distance = editsBetween(text.toLowerCase(), name)
    if (distance < least) {
      best = name
      least = distance
    }
  }
  return best
}

/** Letters to be put in, left out, changed or swapped with their neighbour. */
function editsBetween(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1]
      let edits = Math.min(at(last, j) + 1, at(next, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        edits = Math.min(edits, at(before, j - 2) + 1)
      }
      next.push(edits)
    }
    before = last
    last = next
  }
  return at(last, to.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
