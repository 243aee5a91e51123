import type { Segment } from './glob.ts'
import { matchesPieces } from './glob.ts'
import type { HostPattern } from './host.ts'
import type { PathShape } from './pattern.ts'
import type { Route } from './policy.ts'

/**
 * Whether a route matches every request that another matches, so that the other, if it stands
 * later, decides on none. Sure where it says so; several routes together are not thought of.
 *
 * @param earlier the one
 * @param later the other
 */
export function covers(earlier: Route, later: Route): boolean {
  const { path, host, scheme, methods } = earlier.when
  if (scheme !== undefined && scheme !== later.when.scheme) return false
  if (host !== undefined && !coversHost(host, later.when.host)) return false
  // Folded: where two routes differ only in what backends overlook, the later one is refused.
  if (!coversPath(path.folded, later.when.path.folded)) return false
  return methods === undefined || coversMethods(earlier, methods, later)
}

function coversMethods(earlier: Route, methods: readonly string[], later: Route): boolean {
  if (!later.when.methods?.every((method) => methods.includes(method))) return false
  // Preflights of these methods come to the later route alone.
  return !later.preflight || earlier.preflight || methods.includes('OPTIONS')
}

function coversHost(earlier: HostPattern, later: HostPattern | undefined): boolean {
  if (later === undefined) return false
  if (earlier.port !== undefined && earlier.port !== later.port) return false
  if (earlier.wildcard) return later.name.endsWith(earlier.name)
  // A wildcard's name begins with a dot, and no other does.
  return later.name === earlier.name
}

function coversPath(earlier: PathShape, later: PathShape): boolean {
  if (later.rest && !earlier.rest) return false
  const { length } = earlier.segments
  if (earlier.rest ? later.segments.length < length : later.segments.length !== length) return false
  return earlier.segments.every((segment, i) => coversSegment(segment, later.segments[i]))
}

/** Of folded shapes, which have no empty segment. */
function coversSegment(earlier: Segment, later: Segment | undefined): boolean {
  if (later === undefined) return false
  if (earlier.kind === 'one') return true
  if (earlier.kind === 'literal') return later.kind === 'literal' && later.text === earlier.text
  if (later.kind === 'literal') return matchesPieces(earlier.pieces, later.text)
  return later.kind === 'glob' && later.text === earlier.text
}
