import type { Lineage } from './lineage.ts'

/** The words of ZeroID's SDK: where an allow takes its evidence from. */
export type Mode = 'hybrid' | 'local' | 'live'

/** What is judged: the part of the claims that time and revocation bear on. Times in seconds. */
export interface JudgedToken {
  readonly issuedAt: number
  readonly expiresAt: number
  readonly notBefore: number | undefined
  readonly missionId: string | undefined
  readonly lineage: Lineage
  /** The server said `active: false`, which is final. */
  readonly inactive: boolean
  /** It may have said so before and been forgotten: nothing but its word counts. */
  readonly forgotten: boolean
}

/** Why tokens issued up to a moment need a word of the server, and from when on it counts. */
export interface Suspicion {
  /** `created_at` of the newest signal concerned; milliseconds, the server's clock. */
  readonly at: number
  /**
   * What was issued up to then is in doubt, though it may be younger than `at`: the server's clock
   * was set, or its replicas disagree. Milliseconds, the server's clock; default `at`.
   */
  readonly upTo?: number
  /** When the gate learnt of it (monotonic): an answer asked for earlier does not count. */
  readonly since: number
  /** An answer asked for before this (monotonic) is good for one request only. */
  readonly settledAt: number
}

/** What one tenant's feed knows. */
export interface TenantKnowledge {
  readonly state: 'connecting' | 'live' | 'lost'
  /** When the feed was last proved to work (monotonic). */
  readonly provedAt: number
  /**
   * Every signal created since then is known; milliseconds, the server's clock. What one from
   * before revoked may have been issued up to the tie window later.
   */
  readonly knownSince: number
  /** From when on (monotonic) an introspection covers what lies before `knownSince`. */
  readonly knownFrom: number
  /** The mark on a WIMSE URI. */
  mark(subject: string): Suspicion | undefined
  /** The newest revoking signal that names a mission. */
  mission(id: string): Suspicion | undefined
  /** The newest revoking signal of the tenant. */
  readonly lastRevoking: Suspicion | undefined
  /** Signals that arrived and are not applied yet. */
  readonly pending: Suspicion | undefined
}

/** The present. */
export interface Present {
  /** The server's time, milliseconds since the epoch: not later than it is, by what is known. */
  readonly now: number
  /** The server's time: not earlier than it is. Differs where our own clocks disagree. */
  readonly latest: number
  /** Milliseconds that our monotonic clock may have missed, as in a suspension. */
  readonly hidden: number
  /** Monotonic: what is older has an age that cannot be told. */
  readonly trustedFrom: number
  /** Monotonic milliseconds. */
  readonly monotonic: number
  /** The evidence was obtained for the very request that is judged. */
  readonly justAsked: boolean
}

/** The operator's bounds, milliseconds. */
export interface Bounds {
  readonly mode: Mode
  readonly maxStaleness: number
  readonly clockSkew: number
}
