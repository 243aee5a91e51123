import { identityHeaderNames } from '../http/identity-headers.ts'

export { identityHeaderNames } from '../http/identity-headers.ts'

/**
 * Headers in which some proxy tells some backend what the request was. A client's own are taken
 * away: neither the gate nor the backend may mistake them for the proxy's word.
 */
export const claimedRequestHeaders = [
  'X-Original-URI',
  'X-Original-URL',
  'X-Original-Method',
  'X-Rewrite-URL',
  'X-Forwarded-Prefix',
  'Forwarded',
] as const

/**
 * What reaches the gate where a proxy sends a chosen few: credentials and proofs (RFC 9449 §4.1), what
 * tells a CORS preflight (Fetch §4.8), and traces. No cookie, no identity header, nothing else that a
 * client can think of.
 */
export const requestHeadersForGate = [
  'Authorization',
  'DPoP',
  'Sec-WebSocket-Protocol',
  'Origin',
  'Access-Control-Request-Method',
  'Traceparent',
  'Tracestate',
] as const

/** What a client is told of a refusal; the nonce is for its next proof (RFC 9449 §8). */
export const refusalHeaders = [
  'WWW-Authenticate',
  'DPoP-Nonce',
  'Retry-After',
  'Content-Type',
  'Cache-Control',
  'X-Content-Type-Options',
] as const

/** What a config says of the gate that it needs. */
export const dialectNote =
  'The gate is told of requests in X-Forwarded-...: GATE_DIALECT=forwarded, its default.'

/** The client's own words for "ask again soon", where the gate itself cannot say them. */
export const unavailableBody = '{"error":"temporarily_unavailable"}'

const fold = '[^a-z0-9]'

/**
 * Matches every name of the closed list, and every further `X-Zeroid-…`, in all spellings that a
 * backend may take for it: CGI, WSGI and PHP fold whatever is no letter or digit. To be searched
 * for in a name; without regard to case only where the reader says so. For RE2 and PCRE.
 */
export const identityHeaderPattern: string = `^${patternOf(`zeroid${fold}`, '$')}`

/** The same for readers that match a whole name. */
export const identityHeaderNamePattern: string = patternOf(`zeroid${fold}.*`, '')

function patternOf(family: string, end: string): string {
  const others = identityHeaderNames
    .map((name) => name.toLowerCase().split('-').slice(1))
    .filter(([first]) => first !== 'zeroid')
    .map((words) => `${words.join(fold)}${end}`)
  return `x${fold}(${[family, ...others].join('|')})`
}
