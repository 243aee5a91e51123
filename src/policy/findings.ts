import type { z } from 'zod'
import { nearest } from './nearest.ts'
import type { PolicyDocument } from './policy.ts'
import type { Finding } from './problems.ts'
import { quote } from './problems.ts'
import { documentShape, keysAt } from './schema.ts'

/** A document, or what is wrong with it. */
export type Read =
  | { readonly document: PolicyDocument; readonly findings: readonly [] }
  | { readonly document: undefined; readonly findings: readonly Finding[] }

type Path = readonly PropertyKey[]

/** Most unknown keys of one object that are named. */
const mostKeys = 100

/**
 * Reads a document of its parsed form, and says everything that is wrong with it.
 *
 * @param value of unknown origin; what it says is copied
 */
export function readDocument(value: unknown): Read {
  const read = documentShape.safeParse(value, { reportInput: true })
  const shape = read.success ? [] : findingsOf(read.error, keysAt)
  const findings = [...shape, ...contradictions(value)]
  if (read.success && findings.length === 0) return { document: read.data, findings: [] }
  return { document: undefined, findings: inOrder(findings) }
}

/**
 * What is wrong with a value, in clauses for people.
 *
 * @param error of a shape that was told to report its input
 * @param keysOf the keys that the object at a path may have
 */
export function findingsOf(error: z.ZodError, keysOf: KeysOf): readonly Finding[] {
  return error.issues.flatMap((issue) => describe(issue, keysOf))
}

type KeysOf = (path: Path) => readonly string[]

/** @param outer the path and the input of the union that the issue is in */
function describe(issue: z.core.$ZodIssue, keysOf: KeysOf, outer?: Outer): readonly Finding[] {
  const path = [...(outer?.path ?? []), ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, mostKeys).map((key) => unknownKey(path, key, keysOf(path)))
    case 'invalid_union':
      // One name, or a list of names.
      return (issue.errors[Array.isArray(issue.input) ? 1 : 0] ?? []).flatMap((inner) =>
        describe(inner, keysOf, { path, input: issue.input }),
      )
    default:
      return [
        { path, says: clauseOf(issue, issue.input === undefined ? outer?.input : issue.input) },
      ]
  }
}

interface Outer {
  readonly path: Path
  readonly input: unknown
}

function clauseOf(issue: z.core.$ZodIssue, input: unknown): string {
  if (input === undefined) return 'is missing'
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? issue.expected}, not ${kindOf(input)}`
    case 'invalid_value':
      return notAmong(input, issue.values.map(String))
    case 'too_small':
      return issue.origin === 'array' ? 'must not be empty' : `must be at least ${issue.minimum}`
    case 'too_big':
      return tooBig(issue)
    default:
      return typeof input === 'string' ? `${quote(input)} ${issue.message}` : issue.message
  }
}

function tooBig({ origin, maximum }: z.core.$ZodIssueTooBig): string {
  if (origin === 'array') return `must have at most ${maximum} entries`
  return origin === 'string' ? `is longer than ${maximum} characters` : `must be at most ${maximum}`
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  object: 'a mapping',
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'number' || typeof value === 'boolean' ? quote(value) : typeof value
}

function notAmong(value: unknown, known: readonly string[]): string {
  const meant = typeof value === 'string' ? nearest(value, known) : undefined
  const given = typeof value === 'object' ? kindOf(value) : quote(value)
  const hint = meant === undefined || known.length === 1 ? '' : `; did you mean ${meant}?`
  return known.length === 1
    ? `must be ${known[0]}, not ${given}`
    : `${given} is not one of ${known.join(', ')}${hint}`
}

function unknownKey(path: Path, key: string, known: readonly string[]): Finding {
  const meant = nearest(key, known)
  const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
  return { path: [...path, key], says: `is not a known key; ${hint}`, at: 'key' }
}

/** What no shape can say: of members that are right by themselves. */
function contradictions(value: unknown): readonly Finding[] {
  const { routes } = (value ?? {}) as { routes?: unknown }
  if (!Array.isArray(routes)) return []
  const findings: Finding[] = []
  const places = new Map<string, number>()
  for (const [i, route] of routes.entries()) {
    const { name, allow, require } = (route ?? {}) as Record<string, unknown>
    if (allow === 'anonymous' && require !== undefined) {
      const says = 'anonymous lets everybody pass, so nothing can be required as well'
      findings.push({ path: ['routes', i, 'allow'], says })
    }
    if (typeof name !== 'string') continue
    const first = places.get(name)
    if (first === undefined) places.set(name, i)
    else findings.push({ path: ['routes', i, 'name'], says: `is the name of routes[${first}] too` })
  }
  return findings
}

/** By route, so that they read like the document does. */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const placeOf = ({ path }: Finding): number => (typeof path[1] === 'number' ? path[1] : -1)
  return findings.toSorted((a, b) => placeOf(a) - placeOf(b))
}
