import type { Clock, ServerClock } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import type { Upstream } from '../upstream.ts'
import { createAdminApi } from './admin-api.ts'
import { createAdminCredentials } from './admin-credentials.ts'
import type { Feed, FeedStatus } from './feed.ts'
import { createFeed } from './feed.ts'
import type { TenantOf } from './tenant.ts'
import { tenantKey } from './tenant.ts'

export type { FeedStatus } from './feed.ts'

/** All tenants: who is let in, and whose signals are followed. */
export interface Feeds {
  /** Whether tokens of this tenant are let in at all, `ZEROID_TENANTS`. */
  admits(tenant: TenantOf): boolean
  /** The tenant's feed, opened where it is not; undefined where its signals cannot be followed. */
  follow(tenant: TenantOf): Feed | undefined
  /** A token lives this long (milliseconds): marks are kept at least as long. */
  sawLifetime(milliseconds: number): void
  status(): readonly FeedStatus[]
  /** What keeps the gate from being ready. */
  problems(): readonly string[]
  /** What an operator should see to. */
  warnings(): readonly string[]
  close(): void
}

export interface FeedsOptions {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly observer: Observer
  readonly options: {
    readonly tenants?: 'auto' | readonly TenantOf[] | undefined
    readonly signals?: boolean | undefined
    readonly apiKey?: string | undefined
    readonly adminToken?: string | undefined
    readonly adminPrefix?: string | undefined
    readonly signalPoll?: number | undefined
    readonly streamRenew?: number | undefined
    readonly maxTokenLifetime?: number | undefined
    readonly maxTenants?: number | undefined
  }
}

/** A feed that nobody used for this long is closed; milliseconds. */
const idleLimit = 600_000
const sweepEvery = 60_000
const beyondMost = 'are not followed: ZEROID_TENANTS names more tenants than GATE_MAX_TENANTS'
/** Tenants named in warnings. */
const mostWarnings = 10

/**
 * Opens the configured tenants' feeds at once, and under `auto` each tenant's at its first valid
 * token; those are closed again when nobody uses them.
 *
 * @param parts the way to the server, clocks, and the settings
 */
export function createFeeds(parts: FeedsOptions): Feeds {
  const { upstream, clock, observer, options } = parts
  const { tenants = 'auto', signals = true, maxTenants = 256 } = options
  const configured = tenants === 'auto' ? undefined : new Set(tenants.map(tenantKey))
  const credentials = createAdminCredentials({
    ...parts,
    apiKey: options.apiKey,
    adminToken: options.adminToken,
  })
  const prefix = options.adminPrefix ?? '/api/v1'
  const api = createAdminApi({ upstream, credentials, prefix })
  const open = new Map<string, Feed>()
  const idleSince = new Map<Feed, number>()
  let longestLifetime = options.maxTokenLifetime ?? 86_400_000
  let full = false
  let closed = false
  let cancelSweep: () => void = () => {}

  function start(tenant: TenantOf): Feed {
    return createFeed({
      ...parts,
      tenant: { accountId: tenant.accountId, projectId: tenant.projectId },
      label: configured === undefined ? 'other' : `${tenant.accountId}/${tenant.projectId}`,
      api,
      poll: options.signalPoll ?? 5_000,
      renewEvery: options.streamRenew ?? 10_000,
      maxLifetime: () => longestLifetime,
    })
  }

  function follow(tenant: TenantOf): Feed | undefined {
    if (!signals || closed) return undefined
    const key = tenantKey(tenant)
    const found = open.get(key)
    if (found !== undefined) return found
    if (open.size >= maxTenants) {
      if (!full) {
        const remark =
          'no more feeds may be open (GATE_MAX_TENANTS); further tenants are introspected'
        observer.note?.('warn', remark, { open: open.size })
      }
      full = true
      return undefined
    }
    const feed = start(tenant)
    open.set(key, feed)
    return feed
  }

  function sweep(): void {
    const now = clock.monotonic()
    for (const [key, feed] of open) {
      if (configured?.has(key)) continue
      if (feed.used || !idleSince.has(feed)) idleSince.set(feed, now)
      feed.used = false
      if (now - (idleSince.get(feed) ?? now) < idleLimit) continue
      feed.close()
      open.delete(key)
      idleSince.delete(feed)
      full = false
      observer.note?.('info', 'feed closed: nobody used it', { ...feed.tenant })
    }
    cancelSweep = clock.after(sweepEvery, sweep)
  }

  if (tenants !== 'auto') for (const tenant of tenants) follow(tenant)
  if (signals) cancelSweep = clock.after(sweepEvery, sweep)

  return {
    admits: (tenant) => configured === undefined || configured.has(tenantKey(tenant)),
    follow,
    sawLifetime(milliseconds) {
      longestLifetime = Math.max(longestLifetime, milliseconds)
    },
    status: () => [...open.values()].map((feed) => feed.status()),
    problems: () =>
      !signals || tenants === 'auto'
        ? []
        : tenants.flatMap((tenant) => {
            const feed = open.get(tenantKey(tenant))
            const why = feed === undefined ? beyondMost : feed.unready()
            return why === undefined ? [] : [about(tenant, why)]
          }),
    warnings: () => {
      const refused = credentials.problem()
      if (refused !== undefined) return [refused]
      const failing = [...open.values()]
        .map((feed) => feed.status())
        .filter(({ problem }) => problem)
      return failing.slice(0, mostWarnings).map((feed) => about(feed, `fail: ${feed.problem}`))
    },
    close() {
      closed = true
      cancelSweep()
      for (const feed of open.values()) feed.close()
    },
  }
}

function about({ accountId, projectId }: TenantOf, problem: string): string {
  return `the signals of ${accountId}/${projectId} ${problem}`
}
