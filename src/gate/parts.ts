import type { Clock, ServerClock } from '../clock.ts'
import { createServerClock, systemClock } from '../clock.ts'
import type { Proofs, ProofsOptions } from '../dpop/proofs.ts'
import { createProofs } from '../dpop/proofs.ts'
import type { Observer } from '../observe/observer.ts'
import type { Bounds } from '../revocation/facts.ts'
import type { Feeds } from '../revocation/feeds.ts'
import { createFeeds } from '../revocation/feeds.ts'
import type { Introspector } from '../revocation/introspect.ts'
import { createIntrospector } from '../revocation/introspect.ts'
import type { Issuer } from '../token/issuer.ts'
import { createIssuer } from '../token/issuer.ts'
import type { Keys } from '../token/keys.ts'
import { createKeys } from '../token/keys.ts'
import type { Upstream } from '../upstream.ts'
import { createUpstream } from '../upstream.ts'
import type { Memory } from './memory.ts'
import { createMemory } from './memory.ts'
import type { GateOptions } from './options.ts'

/** What a gate is made of. */
export interface Parts {
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly observer: Observer
  readonly bounds: Bounds
  readonly upstream: Upstream
  readonly issuer: Issuer
  readonly keys: Keys
  readonly introspector: Introspector
  readonly feeds: Feeds
  readonly memory: Memory
  /** Undefined: `GATE_DPOP=off`. */
  readonly proofs: Proofs | undefined
}

/** Connections beside those of introspection: for keys, metadata, the exchange of credentials. */
const reserved = 4
/** Connections for the signal lists of all tenants, and as many for looking up identities. */
const adminConnections = 32

/**
 * Makes the parts and joins them: every default of the options stands here.
 *
 * @param options checked options
 */
export function createParts(options: GateOptions): Parts {
  const clock = options.clock ?? systemClock
  const observer = options.observer ?? {}
  const bounds: Bounds = {
    mode: options.mode ?? 'hybrid',
    maxStaleness: options.maxStaleness ?? 30_000,
    clockSkew: options.clockSkew ?? 5_000,
  }
  const concurrency = options.introspectConcurrency ?? 64
  const serverClock = createServerClock(clock, bounds.clockSkew)
  const upstream = createUpstream({
    url: options.url,
    caFile: options.caFile,
    connections: {
      tokens: concurrency + reserved,
      lists: adminConnections,
      identities: adminConnections,
    },
    onDate: serverClock.observe,
  })
  const basis = { upstream, clock, serverClock, observer }
  const { clientId: id, clientSecret: secret } = options
  const client = id === undefined || secret === undefined ? undefined : { id, secret }
  return {
    ...basis,
    bounds,
    issuer: createIssuer({ ...basis, configured: options.issuer }),
    keys: createKeys(basis),
    introspector: createIntrospector({ ...basis, client, concurrency }),
    feeds: createFeeds({ ...basis, options }),
    memory: createMemory(options.cacheTokens ?? 100_000),
    proofs:
      options.dpop === false
        ? undefined
        : createProofs({ clock, now: serverClock.now, ...proofOptions(options) }),
  }
}

function proofOptions(options: GateOptions): Omit<ProofsOptions, 'clock' | 'now'> {
  const { dpopNonce = false, dpopNonceSecret: secret } = options
  return {
    memory: options.dpopProofs ?? 100_000,
    nonce: dpopNonce ? { secret } : undefined,
    publicUrl: options.publicUrl,
  }
}
