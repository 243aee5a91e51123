import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import type { Dialect } from '../request/dialect.ts'

/** What a proxy must say for each part of a request, with nginx's line for it. */
const lines: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  forwarded: {
    method: 'X-Forwarded-Method (nginx: proxy_set_header X-Forwarded-Method $request_method;)',
    scheme: 'X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme;)',
    host: 'X-Forwarded-Host (nginx: proxy_set_header X-Forwarded-Host $http_host;)',
    path: 'X-Forwarded-Uri (nginx: proxy_set_header X-Forwarded-Uri $request_uri;)',
  },
  original: {
    method: 'X-Original-Method (nginx: proxy_set_header X-Original-Method $request_method;)',
    scheme:
      'X-Original-URL (nginx: proxy_set_header X-Original-URL $scheme://$http_host$request_uri;)',
    host: 'X-Original-URL (nginx: proxy_set_header X-Original-URL $scheme://$http_host$request_uri;)',
    path: 'X-Original-URL (nginx: proxy_set_header X-Original-URL $scheme://$http_host$request_uri;)',
  },
  envoy: {
    method: "the client's own method (send the auth request with it)",
    scheme: 'X-Forwarded-Proto (Envoy: allowed_headers { exact: x-forwarded-proto })',
    host: "the client's own Host",
    path: "the client's own path (Envoy: path_prefix: /ext-authz, not path_override)",
  },
}

/** Milliseconds between two notes on the same part: each request would bring one. */
const pause = 60_000

/**
 * Tells the operator what the proxy does not say although the rules need it, once a minute for each
 * part.
 *
 * @param observer told
 * @param dialect `GATE_DIALECT`
 * @param clock time, default the system's
 */
export function createUndescribedNotes(
  observer: Observer,
  dialect: Dialect,
  clock: Clock = systemClock,
): (missing: string) => void {
  const quietUntil = new Map<string, number>()
  return (missing) => {
    const now = clock.monotonic()
    if (now < (quietUntil.get(missing) ?? 0)) return
    quietUntil.set(missing, now + pause)
    observer.note?.(
      'error',
      `the proxy does not tell the ${missing} of requests, which the policy needs: they are refused with 403`,
      { missing, dialect, add: lines[dialect][missing] },
    )
  }
}
