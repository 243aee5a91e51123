import type { Segment } from './glob.ts'
import { matchesSegment, parseSegment, segmentText } from './glob.ts'
import { normalisePath } from './path.ts'
import { foldCase, readingsOf, withoutTail } from './readings.ts'

/** Which paths a route matches. */
export interface PathPattern {
  /** As it is written. */
  readonly text: string
  readonly exact: PathShape
  /** What folded paths are compared with. */
  readonly folded: PathShape
}

/** A pattern taken apart. */
export interface PathShape {
  /** Without the last `**`. */
  readonly segments: readonly Segment[]
  /** `**`: whatever follows, or nothing. */
  readonly rest: boolean
}

/** Longest pattern, in characters. */
const maxPatternLength = 1_024

/**
 * Makes a path pattern: literal segments, `*` for one segment or a part of one, `**` last for
 * everything below.
 *
 * @param text decoded, such as `/tools/**`
 * @throws TypeError where {@link pathProblem} finds something
 */
export function pathPattern(text: string): PathPattern {
  const problem = pathProblem(text)
  if (problem !== undefined) throw new TypeError(`${JSON.stringify(text)} ${problem}`)
  const segments = text === '/' ? [] : text.slice(1).split('/')
  const rest = segments.at(-1) === '**'
  if (rest) segments.pop()
  return { text, exact: shapeOf(segments, rest), folded: shapeOf(fold(segments), rest) }
}

/**
 * What is wrong with a path pattern.
 *
 * @param text as it was written
 * @returns a clause such as `must start with /`; undefined where nothing is
 */
export function pathProblem(text: string): string | undefined {
  if (text.length > maxPatternLength) return `is longer than ${maxPatternLength} characters`
  if (!text.startsWith('/')) return 'must start with /'
  if (text.includes('%')) return 'must be written decoded, without %'
  if (/[?#]/.test(text)) return 'must be a path alone, without query or fragment'
  if (text.includes('//')) return 'is not normal: it has an empty segment'
  const segments = text.slice(1).split('/')
  if (segments.slice(0, -1).includes('**')) return 'may have ** only as the last segment'
  if (segments.some((segment) => segment !== '**' && segment.includes('**'))) {
    return 'may have ** only as a whole segment'
  }
  if (segments.some((segment) => /^[. ]+$/.test(segment))) {
    return 'is not normal: it has a segment of dots or blanks'
  }
  return isReachable(text) ? undefined : 'matches no path: it has a character that is refused'
}

/** Whether a path that is written like the pattern would be let through. */
function isReachable(text: string): boolean {
  if (!text.isWellFormed()) return false
  const path = text.replaceAll('*', 'x')
  const raw = path.split('/').map(encodeURIComponent).join('/')
  return normalisePath(raw) === path && readingsOf(raw) !== undefined
}

function shapeOf(segments: readonly string[], rest: boolean): PathShape {
  return { segments: segments.map(parseSegment), rest }
}

function fold(segments: readonly string[]): readonly string[] {
  const folded = segments.map((segment) => withoutTail(foldCase(segment)))
  return folded.at(-1) === '' ? folded.slice(0, -1) : folded
}

/**
 * Whether folding a path makes no difference to how the pattern compares with it.
 *
 * @param pattern of a route
 */
export function isFolded({ exact, folded }: PathPattern): boolean {
  const texts = (shape: PathShape): string => shape.segments.map(segmentText).join('/')
  return texts(exact) === texts(folded)
}

/**
 * Whether a pattern matches every path, and so needs none to be told.
 *
 * @param pattern of a route
 */
export function matchesEveryPath({ exact }: PathPattern): boolean {
  return exact.rest && exact.segments.length === 0
}

/**
 * Whether a path matches, for one pattern. Policies look in an index instead.
 *
 * @param shape of the pattern
 * @param path normal, in the reading that the shape is for
 */
export function matchesShape({ segments, rest }: PathShape, path: string): boolean {
  const texts = path === '' ? [] : path.slice(1).split('/')
  if (rest ? texts.length < segments.length : texts.length !== segments.length) return false
  return segments.every((segment, i) => matchesSegment(segment, texts[i] ?? ''))
}
