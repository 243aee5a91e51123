import type { Deny } from '../verdict.ts'
import { withoutQuery } from './direct.ts'
import type { Target } from './target.ts'

/**
 * In whose words a proxy tells what the client's request was.
 *
 * - `forwarded`: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri` (Caddy, Traefik, HAProxy and
 *   nginx as shipped here);
 * - `original`: `X-Original-Method` and `X-Original-URL` (ingress-nginx), or `X-Original-URI`, which
 *   tells neither scheme nor host: the host is then the auth request's own;
 * - `envoy`: the auth request is the client's own, its path below `/ext-authz`.
 */
export type Dialect = 'forwarded' | 'original' | 'envoy'

/** All of them. */
export const dialects: readonly Dialect[] = ['forwarded', 'original', 'envoy']

/** An auth request; Node's `IncomingMessage` is one. */
export interface AuthRequest {
  readonly rawHeaders: readonly string[]
  readonly method?: string | undefined
  readonly url?: string | undefined
}

/** The headers that tell something of a request, as they are usually written. */
const headerNames = {
  'X-Forwarded-Method': 'forwardedMethod',
  'X-Forwarded-Uri': 'forwardedUri',
  'X-Forwarded-Proto': 'forwardedProto',
  'X-Forwarded-Host': 'forwardedHost',
  'X-Original-Method': 'originalMethod',
  'X-Original-URI': 'originalUri',
  'X-Original-URL': 'originalUrl',
  Host: 'host',
  Origin: 'origin',
  'Access-Control-Request-Method': 'requestedMethod',
} as const

type Told = Record<(typeof headerNames)[keyof typeof headerNames], string | undefined>

/** By the two usual spellings, so that few names must be put into lower case first. */
const byName = new Map<string, keyof Told>(
  Object.entries(headerNames).flatMap(([name, key]) => [
    [name, key],
    [name.toLowerCase(), key],
  ]),
)
/** By length, a bit for each letter that such a name begins with: most other headers have none. */
const initials: number[] = []
for (const name of Object.keys(headerNames)) {
  initials[name.length] = (initials[name.length] ?? 0) | letterBit(name)
}

/** The same bit for both cases of a letter. */
function letterBit(name: string): number {
  return 1 << (name.charCodeAt(0) & 31)
}

const ambiguous: Deny = {
  outcome: 'deny',
  status: 400,
  code: 'invalid_request',
  reason: 'request_ambiguous',
}

/**
 * Makes a reader of one dialect. It believes what the proxy says and nothing else: a request that
 * also carries the words of another dialect is refused with 400, since one of the two must be the
 * client's own.
 *
 * @param dialect `GATE_DIALECT`
 * @param relayPath where auth requests that carry the client's own path come in
 * @returns what the client's request was; parts that nobody told are undefined
 */
export function createDialect(
  dialect: Dialect,
  relayPath: string,
): (request: AuthRequest) => Target | Deny {
  const readers: Record<Dialect, (told: Told, request: AuthRequest) => Target | undefined> = {
    forwarded: readForwarded,
    original: readOriginal,
    envoy: (told, request) => readEnvoy(told, request, relayPath),
  }
  const read = readers[dialect]
  return (request) => {
    const told = collect(request.rawHeaders)
    return (told === undefined ? undefined : read(told, request)) ?? ambiguous
  }
}

/** @returns undefined where something is told twice, or several things at once */
function collect(rawHeaders: readonly string[]): Told | undefined {
  // All members at once: one that is added later would make each request's object slow.
  const told: Told = {
    forwardedMethod: undefined,
    forwardedUri: undefined,
    forwardedProto: undefined,
    forwardedHost: undefined,
    originalMethod: undefined,
    originalUri: undefined,
    originalUrl: undefined,
    host: undefined,
    origin: undefined,
    requestedMethod: undefined,
  }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (((initials[name.length] ?? 0) & letterBit(name)) === 0) continue
    const key = byName.get(name) ?? byName.get(name.toLowerCase())
    // An empty header is one that the proxy took away.
    const value = rawHeaders[i + 1] as string
    if (key === undefined || value === '') continue
    if (told[key] !== undefined) return undefined
    told[key] = value
  }
  return told
}

function readForwarded(told: Told): Target | undefined {
  const { originalMethod, originalUri, originalUrl } = told
  if ((originalMethod ?? originalUri ?? originalUrl) !== undefined) return undefined
  return targetOf(
    told,
    told.forwardedMethod,
    told.forwardedProto,
    told.forwardedHost,
    told.forwardedUri,
  )
}

function readOriginal(told: Told): Target | undefined {
  if ((told.forwardedMethod ?? told.forwardedUri) !== undefined) return undefined
  const method = told.originalMethod
  if (told.originalUrl === undefined) {
    return targetOf(told, method, undefined, told.host, told.originalUri)
  }
  // A path begins right behind the host. Without one the host itself would hold a `?`, as a client
  // may write it, and hide the path that the backend serves.
  const [, scheme, host, path] = /^([a-z]+):\/\/([^/?#]+)(\/[^?]*)/i.exec(told.originalUrl) ?? []
  if (path === undefined) return undefined
  if (told.originalUri !== undefined && withoutQuery(told.originalUri) !== path) return undefined
  return targetOf(told, method, scheme, host, path)
}

function readEnvoy(
  told: Told,
  { method, url = '' }: AuthRequest,
  relay: string,
): Target | undefined {
  const { forwardedMethod, forwardedUri, originalMethod, originalUri, originalUrl } = told
  const other = forwardedMethod ?? forwardedUri ?? originalMethod ?? originalUri ?? originalUrl
  if (other !== undefined) return undefined
  // `/ext-authz` alone is a proxy that does not append the client's path.
  const path = url.startsWith(`${relay}/`) ? url.slice(relay.length) : undefined
  return targetOf(told, method, told.forwardedProto, told.host, path)
}

/** @returns undefined where a part is a list: of several proxies, each told something else */
function targetOf(
  told: Told,
  method: string | undefined,
  proto: string | undefined,
  host: string | undefined,
  path: string | undefined,
): Target | undefined {
  const scheme = proto === undefined ? undefined : schemeOf(proto)
  if (scheme === 'list' || method?.includes(',') || host?.includes(',')) return undefined
  return {
    method,
    scheme,
    host,
    path: path === undefined ? undefined : withoutQuery(path),
    preflightFor:
      method === 'OPTIONS' && told.origin !== undefined ? told.requestedMethod : undefined,
  }
}

function schemeOf(proto: string): 'http' | 'https' | 'list' | undefined {
  if (proto === 'https' || proto === 'http') return proto
  switch (proto.toLowerCase()) {
    case 'https':
    case 'wss':
      return 'https'
    case 'http':
    case 'ws':
      return 'http'
    default:
      return proto.includes(',') ? 'list' : undefined
  }
}
