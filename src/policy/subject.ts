import type { Segment } from './glob.ts'
import { matchesSegment, parseSegment } from './glob.ts'

/** Which parties of a delegation are meant. */
export interface SubjectPattern {
  /** As it is written. */
  readonly text: string
  /**
   * @param subject of a party, as the token names it
   */
  matches(subject: string): boolean
}

const longestSubject = 1_024

/**
 * Makes a pattern of subjects: `*` for one segment or a part of one, `**` last for everything below
 * (at least one segment). Case counts.
 *
 * @param text such as `spiffe://example.org/acct-1/**`
 * @throws TypeError where {@link subjectProblem} finds something
 */
export function subjectPattern(text: string): SubjectPattern {
  const problem = subjectProblem(text)
  if (problem !== undefined) throw new TypeError(`${JSON.stringify(text)} ${problem}`)
  const texts = text.split('/')
  const rest = texts.at(-1) === '**'
  const segments = (rest ? texts.slice(0, -1) : texts).map(parseSegment)
  return { text, matches: (subject) => matchesAll(segments, rest, subject.split('/')) }
}

/**
 * What is wrong with a pattern of subjects.
 *
 * @param text as it was written
 * @returns a clause; undefined where nothing is
 */
export function subjectProblem(text: string): string | undefined {
  if (text === '') return 'must not be empty'
  if (text.length > longestSubject) return `is longer than ${longestSubject} characters`
  if (/[\0-\x20\x7f-\x9f]/.test(text)) return 'must have no blanks'
  const segments = text.replace(/^[\w+.-]+:\/\//, '').split('/')
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return 'is not normal: it has an empty or a dot segment'
  }
  if (segments.slice(0, -1).includes('**')) return 'may have ** only as the last segment'
  if (segments.some((segment) => segment !== '**' && segment.includes('**'))) {
    return 'may have ** only as a whole segment'
  }
  return undefined
}

function matchesAll(
  segments: readonly Segment[],
  rest: boolean,
  texts: readonly string[],
): boolean {
  if (rest ? texts.length <= segments.length : texts.length !== segments.length) return false
  for (const [i, text] of texts.entries()) {
    const segment = segments[i]
    if (segment === undefined || segment.kind !== 'literal') {
      // Whatever else resolves dots would see another subject.
      if (text === '' || text === '.' || text === '..') return false
    }
    if (segment !== undefined && !matchesSegment(segment, text)) return false
  }
  return true
}
