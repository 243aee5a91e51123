import { normalisePath, readLiterally } from './path.ts'

/** A path in one of the ways in which backends read it. */
export interface Reading {
  /** `''` is the root, in every reading. */
  readonly path: string
  /** Without regard to case, to a slash, dots or blanks at the end. Compared with folded patterns. */
  readonly folded: boolean
}

/** Paths that are read in one way only, whatever the backend. */
const ordinary = /^(?:\/[\da-z_\-.~!$&'()*+,=:@]*[\da-z_\-~!$&'()*+,=:@])+$/

const notAscii = /[^\0-\x7f]/
/** What no path has, once it is normal: dividers, and segments of nothing but dots and blanks. */
const divider = /[\p{Cc}#%;?\\]|\/\/|\/[. ]+(?:\/|$)/u

/**
 * Whether a path reads alike in every way. Cheap: nearly every path does.
 *
 * @param raw the path as it was sent, without query
 */
export function isOrdinary(raw: string): boolean {
  return raw.length <= 1_024 && ordinary.test(raw)
}

/**
 * The ways in which backends read a path: decoded and as it is, folded, and compared before it is
 * decoded. Routes that tell them apart cannot be told apart by the backend.
 *
 * @param raw the path as it was sent
 * @returns the plain reading first; undefined where the path is refused
 */
export function readingsOf(raw: string): readonly Reading[] | undefined {
  const normal = normalisePath(raw)
  if (normal === undefined) return undefined
  const path = normal === '/' ? '' : normal
  if (hidesDivider(path)) return undefined
  const folded = foldPath(path)
  const readings = [
    { path, folded: false },
    { path: folded, folded: true },
  ]
  const literal = raw.includes('%') ? readLiterally(raw) : path
  if (literal !== path) {
    readings.push({ path: literal, folded: false }, { path: foldPath(literal), folded: true })
  }
  return readings
}

/**
 * A path without what many backends do not look at: case (Express, IIS), a slash at the end
 * (Express), dots and blanks at the end of a segment (Windows), and how a letter is composed.
 *
 * @param path decoded
 * @returns `''` for the root
 */
export function foldPath(path: string): string {
  const folded = foldCase(path)
  return /[. ](?:\/|$)/.test(folded)
    ? withoutLastSlash(folded.split('/').map(withoutTail).join('/'))
    : withoutLastSlash(folded)
}

/**
 * Text without regard to case, to compatible letters and to characters that nobody sees.
 *
 * @param text any
 */
export function foldCase(text: string): string {
  if (!notAscii.test(text)) return text.toLowerCase()
  const visible = text.replace(/\p{Default_Ignorable_Code_Point}/gu, '').normalize('NFKC')
  // Some letters meet their like in capitals only, such as the long s, and the capital sharp s only
  // where it was made small before.
  const small = visible.toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')
  // A sigma has another form at the end of a word, which a star ends; one by one, as many backends
  // compare letters, the capital I with a dot becomes a plain i.
  return small.replaceAll('ς', 'σ').replaceAll('i\u0307', 'i')
}

/**
 * A segment without the dots and blanks at its end, which Windows drops.
 *
 * @param segment of a path or of a pattern
 */
export function withoutTail(segment: string): string {
  let end = segment.length
  while (end > 0 && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end -= 1
  return segment.slice(0, end)
}

function withoutLastSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** Whether a look-alike is in it that some backend turns into a slash or a dot segment. */
function hidesDivider(path: string): boolean {
  if (!notAscii.test(path)) return false
  const folded = foldCase(path)
  return divider.test(folded) || countSlashes(folded) !== countSlashes(path)
}

function countSlashes(path: string): number {
  let count = 0
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) count += 1
  return count
}
