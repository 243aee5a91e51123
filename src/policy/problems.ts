import type { Position } from './policy.ts'

/** One thing that is wrong with a policy. */
export interface PolicyProblem {
  /** Such as `routes[1].require.trust`; empty for the document itself. */
  readonly path: string
  /** Counted from 1; undefined where the policy was given as an object. */
  readonly line: number | undefined
  readonly column: number | undefined
  /** A whole line for people: where, and what. */
  readonly message: string
}

/** The policy cannot be used. Lists what is wrong with it all at once. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly problems: readonly PolicyProblem[]

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(({ message }) => message).join('\n'))
    this.problems = problems
  }
}

/** What is wrong, and with which part. */
export interface Finding {
  /** Keys and places from the document's root on. */
  readonly path: readonly PropertyKey[]
  /** A clause such as `must be a list`. */
  readonly says: string
  /** Where it stands, where that is known already. */
  readonly position?: Position | undefined
  /** Wrong is the key itself, or (default) its value. */
  readonly at?: 'key' | 'value' | undefined
}

/** Most problems that are listed: a file that is no policy at all has many. */
const mostProblems = 100
/** Most that are looked at to find the first of them. */
const mostFindings = 1_000

/**
 * @param findings what is wrong
 * @param name of the file; undefined for a policy that was given as an object
 * @param locate where a part stands
 */
export function policyError(
  findings: readonly Finding[],
  name: string | undefined,
  locate: (path: readonly PropertyKey[], of?: 'key' | 'value') => Position | undefined,
): PolicyError {
  const problems = findings.slice(0, mostFindings).map(({ path, says, position, at }) => {
    const stands = position ?? locate(path, at)
    const where = stands === undefined ? name : `${name}:${stands.line}:${stands.column}`
    const part = pathText(path)
    const message = [where, part, says].filter((it) => it !== undefined && it !== '').join(': ')
    return { path: part, line: stands?.line, column: stands?.column, message }
  })
  // As they stand in the text; without one they keep their order.
  const inOrder = problems.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  )
  return new PolicyError(inOrder.slice(0, mostProblems))
}

/** Such as `routes[1].require.trust`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = /^\w{1,64}$/.test(String(key)) ? String(key) : quote(String(key))
    return text === '' ? name : `${text}.${name}`
  }, '')
}

/**
 * Text of the document in a message: quoted, on one line, not too long.
 *
 * @param value any
 */
export function quote(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  return printable(JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value))
}

/**
 * Text that can go to a terminal: without controls, and blanks that are no blank.
 *
 * @param text any
 */
export function printable(text: string): string {
  return text.replace(/\p{C}|(?! )\p{Z}/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
}
