import type { Segment } from './glob.ts'
import { matchesSegment } from './glob.ts'
import type { PathShape } from './pattern.ts'

/** Patterns that begin with the same segments. Numbers are ascending. */
export interface Trie {
  /** The least number below: where a lesser one is found, nobody need look here. */
  readonly least: number
  /** Patterns that end here. */
  readonly ends: number[]
  /** Patterns that go on with `**`. */
  readonly rests: number[]
  readonly literals: Map<string, Trie>
  /** `*`, whole or as a part. */
  readonly globs: { readonly segment: Segment; readonly node: Trie }[]
}

/** Looks for the least number of a kind. */
export interface Search {
  /** The least that was found so far. */
  readonly best: number
  /** Told of patterns that match, in no order between calls. */
  offer(numbers: readonly number[]): void
}

/**
 * Makes an empty one.
 *
 * @param least the number of the first pattern that will be added
 */
export function createTrie(least: number): Trie {
  return { least, ends: [], rests: [], literals: new Map(), globs: [] }
}

/**
 * Adds a pattern.
 *
 * @param trie to be added to
 * @param shape of the pattern
 * @param number greater than any number before
 */
export function addToTrie(trie: Trie, { segments, rest }: PathShape, number: number): void {
  let node = trie
  for (const segment of segments) node = childOf(node, segment, number)
  if (rest) node.rests.push(number)
  else node.ends.push(number)
}

function childOf({ literals, globs }: Trie, segment: Segment, number: number): Trie {
  const known =
    segment.kind === 'literal'
      ? literals.get(segment.text)
      : globs.find((it) => sameSegment(it.segment, segment))?.node
  if (known !== undefined) return known
  const node = createTrie(number)
  if (segment.kind === 'literal') literals.set(segment.text, node)
  else globs.push({ segment, node })
  return node
}

function sameSegment(a: Segment, b: Segment): boolean {
  if (a.kind !== 'glob' || b.kind !== 'glob') return a.kind === b.kind
  return a.text === b.text
}

/**
 * Goes through every pattern that matches a path, save where nothing better can be found.
 *
 * @param trie the patterns
 * @param path normal; `''` is the root, which has no segment
 * @param search is told of them
 * @param from where the next segment begins
 */
export function walkTrie(trie: Trie, path: string, search: Search, from = 1): void {
  if (trie.least >= search.best) return
  if (trie.rests.length > 0) search.offer(trie.rests)
  if (from > path.length) {
    if (trie.ends.length > 0) search.offer(trie.ends)
    return
  }
  const slash = path.indexOf('/', from)
  const end = slash === -1 ? path.length : slash
  const segment = path.slice(from, end)
  const child = trie.literals.get(segment)
  if (child !== undefined) walkTrie(child, path, search, end + 1)
  for (const glob of trie.globs) {
    if (matchesSegment(glob.segment, segment)) walkTrie(glob.node, path, search, end + 1)
  }
}
