import type { Target } from '../request/target.ts'
import type { HostName } from './host.ts'
import { matchesHost, readHost } from './host.ts'
import { isMethod } from './method.ts'
import type { RequestPart, Route } from './policy.ts'

/** Why nobody can tell whether a route matches: what nobody told, or the client wrote unreadably. */
export type Obstacle = RequestPart | 'unreadable method' | 'unreadable host'

/** A request without its path, read once for all routes. */
export interface Asked {
  readonly method: string | undefined
  readonly scheme: 'http' | 'https' | undefined
  readonly host: HostName | 'unreadable' | undefined
  /** The method that a true CORS preflight asks for. */
  readonly preflightFor: string | undefined
}

/**
 * Reads what was told of a request.
 *
 * @param target the request
 * @param hostOf reads a host; default {@link readHost}
 */
export function readAsked(
  { method, scheme, host, preflightFor }: Target,
  hostOf: (raw: string) => HostName | undefined = readHost,
): Asked {
  return {
    method,
    scheme,
    // RFC 9112 §3.2: an empty Host says that there is none.
    host: host ? (hostOf(host) ?? 'unreadable') : undefined,
    preflightFor: method === 'OPTIONS' ? preflightFor : undefined,
  }
}

/**
 * Whether a route matches a request, its path aside.
 *
 * @param route one of a policy
 * @param asked the request
 * @returns what stands in the way of telling, where all else matches
 */
export function meets(route: Route, asked: Asked): boolean | Obstacle {
  const method = meetsMethod(route, asked)
  if (method === false) return false
  const scheme = meetsScheme(route, asked)
  if (scheme === false) return false
  const host = meetsHost(route, asked)
  if (host === false) return false
  if (method !== true) return method
  return scheme === true ? host : scheme
}

/**
 * Whether the method is one of a route's.
 *
 * @param route one of a policy
 * @param asked the request
 */
export function meetsMethod(
  { when: { methods }, preflight }: Route,
  { method, preflightFor }: Asked,
): boolean | 'method' | 'unreadable method' {
  if (methods === undefined) return true
  if (method === undefined) return 'method'
  if (methods.includes(method)) return true
  if (preflight && preflightFor !== undefined && methods.includes(preflightFor)) return true
  // RFC 9110 §9.1 tells methods apart by case, but not every backend does.
  return isMethod(method) ? false : 'unreadable method'
}

/**
 * Whether the scheme is a route's.
 *
 * @param route one of a policy
 * @param asked the request
 */
export function meetsScheme({ when }: Route, asked: Asked): boolean | 'scheme' {
  if (when.scheme === undefined) return true
  return asked.scheme === undefined ? 'scheme' : asked.scheme === when.scheme
}

/**
 * Whether the host is a route's.
 *
 * @param route one of a policy
 * @param asked the request
 */
export function meetsHost(
  { when }: Route,
  asked: Asked,
): boolean | 'host' | 'unreadable host' | 'scheme' {
  if (when.host === undefined) return true
  if (asked.host === undefined) return 'host'
  if (asked.host === 'unreadable') return 'unreadable host'
  // The scheme tells the port that a host does not name.
  return matchesHost(when.host, asked.host, asked.scheme) ?? 'scheme'
}
