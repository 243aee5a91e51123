import { readDocument } from './findings.ts'
import { createPolicy } from './match.ts'
import type { Policy, Position } from './policy.ts'
import { policyError } from './problems.ts'
import { createRoute } from './route.ts'
import { readYaml } from './yaml-text.ts'

export type { PolicyProblem } from './problems.ts'
export { PolicyError } from './problems.ts'
export { policySchema } from './schema.ts'

/** Longest text, in bytes. */
const maxTextLength = 1_048_576

/**
 * Reads a policy as it is written in YAML 1.2.
 *
 * @param text of the document, at most 1 MiB
 * @param name of the file, for messages; default `policy.yaml`
 * @throws PolicyError with everything that is wrong, where it stands
 */
export function parsePolicy(text: string, name = 'policy.yaml'): Policy {
  if (Buffer.byteLength(text) > maxTextLength) {
    throw policyError([{ path: [], says: 'is longer than 1 MiB' }], name, () => undefined)
  }
  const { value, findings, locate } = readYaml(text)
  if (findings.length > 0) throw policyError(findings, name, locate)
  return policyOf(value, name, locate)
}

/**
 * Takes a policy as an object.
 *
 * @param value a `PolicyDocument`; it is copied
 * @throws PolicyError with everything that is wrong
 */
export function policyFrom(value: unknown): Policy {
  return policyOf(value, undefined, () => undefined)
}

type Locate = (path: readonly PropertyKey[], of?: 'key' | 'value') => Position | undefined

function policyOf(value: unknown, name: string | undefined, locate: Locate): Policy {
  const { document, findings } = readDocument(value)
  if (document === undefined) throw policyError(findings, name, locate)
  return createPolicy(
    document.routes.map((route, i) => createRoute(route, i + 1, locate(['routes', i]))),
  )
}
