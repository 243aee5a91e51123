import type { UpstreamErrorCode } from '../errors.ts'
import type { Deny, Verdict } from '../verdict.ts'

/** How an introspection ended. */
export type IntrospectionResult = 'active' | 'inactive' | 'client_refused' | UpstreamErrorCode

/**
 * What a signal turned out to be. Where an event names a tenant it is `account/project` for those
 * that the settings name, and `other` for all the rest: strangers cannot multiply it.
 */
export type SignalKind = 'revoking' | 'informing' | 'other_tenant' | 'other_identity' | 'unreadable'

/** What the gate tells about itself. Every method is optional, must not throw and must not block. */
export interface Observer {
  /**
   * A verdict was given; `seconds` from the call to the verdict, `route` by the policy, where one
   * is in force.
   */
  verdict?(verdict: Verdict, seconds: number, route?: string): void
  /** A route let a request pass without a token; undefined: an app's `optional` did. */
  passed?(route: string | undefined, why: 'anonymous' | 'preflight'): void
  /** A route in shadow let a request pass that it would have refused. */
  shadow?(route: string, refusal: Deny): void
  /** The policy was read; false: it cannot be used, and the rules are those of before, if any. */
  policyLoaded?(ok: boolean): void
  /** A token was found in memory (`true`) or had to be verified (`false`). */
  lookup?(hit: boolean): void
  /** An introspection ended after `seconds`. */
  introspection?(result: IntrospectionResult, seconds: number): void
  /** A reload of the key set ended. */
  keysReloaded?(result: 'ok' | 'empty' | 'stale' | UpstreamErrorCode, keys: number): void
  /** A signal came in for the first time, or was of no concern. */
  signal?(kind: SignalKind, via: 'stream' | 'list'): void
  /** A signal that only the list brought although the stream was live: a replica or a full queue. */
  signalMissed?(tenant: string): void
  /** A mark was set `seconds` after its signal was created, by the server's clock. */
  revocation?(tenant: string, seconds: number): void
  /** A request to an app carried this many reserved headers; they were removed from it. */
  reservedHeader?(count: number): void
  /** Something an operator should read. `fields` hold no token and no secret. */
  note?(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: NoteFields): void
}

export type NoteFields = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * One observer that tells several.
 *
 * @param observers told in order
 */
export function combineObservers(...observers: readonly Observer[]): Observer {
  return {
    verdict: (verdict, seconds, route) => {
      for (const observer of observers) observer.verdict?.(verdict, seconds, route)
    },
    passed: (route, why) => {
      for (const observer of observers) observer.passed?.(route, why)
    },
    shadow: (route, refusal) => {
      for (const observer of observers) observer.shadow?.(route, refusal)
    },
    policyLoaded: (ok) => {
      for (const observer of observers) observer.policyLoaded?.(ok)
    },
    lookup: (hit) => {
      for (const observer of observers) observer.lookup?.(hit)
    },
    introspection: (result, seconds) => {
      for (const observer of observers) observer.introspection?.(result, seconds)
    },
    keysReloaded: (result, keys) => {
      for (const observer of observers) observer.keysReloaded?.(result, keys)
    },
    signal: (kind, via) => {
      for (const observer of observers) observer.signal?.(kind, via)
    },
    signalMissed: (tenant) => {
      for (const observer of observers) observer.signalMissed?.(tenant)
    },
    revocation: (tenant, seconds) => {
      for (const observer of observers) observer.revocation?.(tenant, seconds)
    },
    reservedHeader: (count) => {
      for (const observer of observers) observer.reservedHeader?.(count)
    },
    note: (level, message, fields) => {
      for (const observer of observers) observer.note?.(level, message, fields)
    },
  }
}
