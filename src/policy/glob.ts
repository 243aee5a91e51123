/** One segment of a pattern. */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  /** `*`: exactly one whole segment, never an empty one. */
  | { readonly kind: 'one' }
  /** `*` as a part of a segment, for any number of characters. */
  | { readonly kind: 'glob'; readonly text: string; readonly pieces: readonly string[] }

/**
 * @param text one segment, without `/` and not `**`
 */
export function parseSegment(text: string): Segment {
  if (text === '*') return { kind: 'one' }
  if (!text.includes('*')) return { kind: 'literal', text }
  return { kind: 'glob', text, pieces: text.split('*') }
}

/**
 * @param segment as {@link parseSegment} gave it
 * @returns as it was written
 */
export function segmentText(segment: Segment): string {
  return segment.kind === 'one' ? '*' : segment.text
}

/**
 * Whether a segment of a pattern matches a segment of a path.
 *
 * @param segment of the pattern
 * @param text of the path
 */
export function matchesSegment(segment: Segment, text: string): boolean {
  if (segment.kind === 'one') return text !== ''
  return segment.kind === 'literal' ? segment.text === text : matchesPieces(segment.pieces, text)
}

/**
 * Whether text is these pieces in order, with anything between them. No backtracking: the leftmost
 * place for each piece is as good as any other.
 *
 * @param pieces at least two: what stands before, between and after the stars
 * @param text any
 */
export function matchesPieces(pieces: readonly string[], text: string): boolean {
  const first = pieces[0] ?? ''
  const last = pieces[pieces.length - 1] ?? ''
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let at = first.length
  for (let i = 1; i < pieces.length - 1; i += 1) {
    const piece = pieces[i] ?? ''
    const found = text.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return at <= end
}
