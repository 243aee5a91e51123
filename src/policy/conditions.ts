import type { Target } from '../request/target.ts'
import type { HostName } from './host.ts'
import { matchesHost, readHost } from './host.ts'
import type { RequestPart, Route } from './policy.ts'

/** A request without its path, read once for all routes. */
export interface Asked {
  readonly method: string | undefined
  readonly scheme: 'http' | 'https' | undefined
  readonly host: HostName | undefined
  /** The method that a true CORS preflight asks for. */
  readonly preflightFor: string | undefined
}

/**
 * Reads what was told of a request.
 *
 * @param target the request
 * @param hostOf reads a host; default {@link readHost}
 * @returns undefined where the host is no host
 */
export function readAsked(
  { method, scheme, host, preflightFor }: Target,
  hostOf: (raw: string) => HostName | undefined = readHost,
): Asked | undefined {
  // RFC 9112 §3.2: an empty Host says that there is none.
  const name = host ? hostOf(host) : undefined
  if (host && name === undefined) return undefined
  return {
    method,
    scheme,
    host: name,
    preflightFor: method === 'OPTIONS' ? preflightFor : undefined,
  }
}

/**
 * Whether a route matches a request, its path aside.
 *
 * @param route one of a policy
 * @param asked the request
 * @returns the part that somebody would have to tell, where all else matches
 */
export function meets(route: Route, asked: Asked): boolean | RequestPart {
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
): boolean | 'method' {
  if (methods === undefined) return true
  if (method === undefined) return 'method'
  if (methods.includes(method)) return true
  if (preflight && preflightFor !== undefined && methods.includes(preflightFor)) return true
  // RFC 9110 §9.1 tells methods apart by case, but not every backend does: what is not in capitals
  // is as good as untold.
  return /^[A-Z]+(?:-[A-Z]+)*$/.test(method) ? false : 'method'
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
export function meetsHost({ when }: Route, asked: Asked): boolean | 'host' | 'scheme' {
  if (when.host === undefined) return true
  if (asked.host === undefined) return 'host'
  // The scheme tells the port that a host does not name.
  return matchesHost(when.host, asked.host, asked.scheme) ?? 'scheme'
}
