import { METHODS } from 'node:http'
import type { Dialect } from '../request/dialect.ts'
import type { Route } from './policy.ts'

/** What a route asks that the proxy does not tell in a dialect. */
export interface Unfed {
  /** Clauses on a route that nothing can come to. */
  readonly errors: readonly string[]
  /** Clauses on what works in part, or by another way of the dialect. */
  readonly warnings: readonly string[]
}

const nothing: Unfed = { errors: [], warnings: [] }
const uriAlone = 'where the proxy sends X-Original-URI without X-Original-URL'
const unreadable =
  'cannot come with GATE_DIALECT=envoy: the gate cannot read an auth request by that method'
/** CONNECT is read, and never handed on as a request. */
const readable = new Set(METHODS.filter((method) => method !== 'CONNECT'))

/**
 * What of a route can never match, or is always refused, by what a proxy tells.
 *
 * @param route of a policy
 * @param dialect in whose words it tells
 */
export function unfedBy(route: Route, dialect: Dialect): Unfed {
  if (dialect === 'original') return { errors: [], warnings: unfedByUri(route) }
  return dialect === 'envoy' ? unfedByMethod(route) : nothing
}

/** `X-Original-URI` has no scheme; the host is that of the auth request, which is for the gate. */
function unfedByUri({ when, dpop, allow }: Route): readonly string[] {
  const clauses: string[] = []
  if (when.scheme !== undefined) {
    clauses.push(`is always refused ${uriAlone}: nobody tells the scheme`)
  }
  if (when.host !== undefined) {
    clauses.push(`never matches ${uriAlone}: the host is then the gate's own`)
  }
  if (dpop === 'required' && allow !== 'anonymous') {
    clauses.push(
      `lets nobody pass ${uriAlone}, nor GATE_PUBLIC_URL is set: a proof names scheme and host`,
    )
  }
  return clauses
}

/** The method of the client is the method of the auth request. */
function unfedByMethod({ when: { methods = [] }, preflight }: Route): Unfed {
  const odd = methods.filter((method) => !readable.has(method))
  if (odd.length === 0) return nothing
  const clause = `${odd.join(', ')} ${unreadable}`
  return odd.length === methods.length && !preflight
    ? { errors: [`is never reached: ${clause}`], warnings: [] }
    : { errors: [], warnings: [`has methods in vain: ${clause}`] }
}
