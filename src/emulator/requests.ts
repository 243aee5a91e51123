/** The routes that faults and counters name. */
export type RouteName =
  | 'token'
  | 'introspect'
  | 'revoke'
  | 'verify'
  | 'jwks'
  | 'metadata'
  | 'health'
  | 'agents'
  | 'identities'
  | 'clients'
  | 'signals'
  | 'stream'
  | 'ingest'
  | 'other'

/** One request that reached the emulator. */
export interface RequestEntry {
  route: RouteName
  method: string
  /** Path and query as they came. */
  path: string
  headers: Readonly<Record<string, string | string[] | undefined>>
}

/** The requests that reached the emulator, also those that a fault answered. */
export interface Requests {
  /** How many requests the route had; all routes when none is named. */
  count(route?: RouteName): number
  /** Forgets counts and log. */
  reset(): void
  /** The last 10 000 requests, oldest first. */
  readonly log: readonly RequestEntry[]
}

const logLimit = 10_000

/** A log that can be added to. */
export interface RequestLog extends Requests {
  add(entry: RequestEntry): void
}

/** Makes an empty log. */
export function createRequestLog(): RequestLog {
  const counts = new Map<RouteName, number>()
  let log: RequestEntry[] = []

  return {
    count(route) {
      if (route !== undefined) return counts.get(route) ?? 0
      return [...counts.values()].reduce((sum, count) => sum + count, 0)
    },
    reset() {
      counts.clear()
      log = []
    },
    get log() {
      return log.slice(-logLimit)
    },
    add(entry) {
      counts.set(entry.route, (counts.get(entry.route) ?? 0) + 1)
      log.push(entry)
      if (log.length >= 2 * logLimit) log = log.slice(-logLimit)
    },
  }
}

const oauthRoutes: Record<string, RouteName> = {
  '/oauth2/token': 'token',
  '/oauth2/token/introspect': 'introspect',
  '/oauth2/token/revoke': 'revoke',
  '/oauth2/token/verify': 'verify',
  '/.well-known/jwks.json': 'jwks',
  '/.well-known/oauth-authorization-server': 'metadata',
  '/.well-known/oauth-protected-resource': 'metadata',
  '/health': 'health',
  '/ready': 'health',
}

const adminRoutes: [RegExp, RouteName][] = [
  [/^\/signals\/ingest$/, 'ingest'],
  [/^\/signals\/stream$/, 'stream'],
  [/^\/signals$/, 'signals'],
  [/^\/identities(\/|$)/, 'identities'],
  [/^\/agents\//, 'agents'],
  [/^\/oauth\/clients$/, 'clients'],
]

/** The name of the route a request target belongs to. */
export function routeOf(target: string, adminPrefix: string): RouteName {
  const path = target.split('?')[0] ?? ''
  const known = oauthRoutes[path]
  if (known !== undefined) return known
  if (!path.startsWith(adminPrefix)) return 'other'
  const rest = path.slice(adminPrefix.length)
  return adminRoutes.find(([pattern]) => pattern.test(rest))?.[1] ?? 'other'
}
