import type { ServerClock } from '../clock.ts'
import type { Bounds, Mode } from '../revocation/facts.ts'
import type { FeedStatus, Feeds } from '../revocation/feeds.ts'
import type { Introspector } from '../revocation/introspect.ts'
import type { Issuer } from '../token/issuer.ts'
import type { Keys, KeysStatus } from '../token/keys.ts'

/** What the gate knows, for people and probes. */
export interface GateStatus {
  /** Whether verdicts can be given. */
  readonly ready: boolean
  /** What keeps the gate from being ready, each with its remedy where there is one. */
  readonly problems: readonly string[]
  /** What an operator should see to, although verdicts can be given. */
  readonly warnings: readonly string[]
  readonly mode: Mode
  readonly issuer: string | undefined
  readonly keys: KeysStatus
  /** How far the server's clock is ahead of ours, milliseconds. */
  readonly clockOffset: number
  /** Tokens remembered. */
  readonly tokens: number
  /** Allows that are looked after because something open rests on them. */
  readonly watches: number
  readonly tenants: readonly FeedStatus[]
}

interface StatusSources {
  readonly issuer: Issuer
  readonly keys: Keys
  readonly introspector: Introspector
  readonly feeds: Feeds
  readonly serverClock: ServerClock
  readonly bounds: Bounds
  readonly tokens: number
  readonly watches: number
}

/**
 * Gathers the status of a gate's parts.
 *
 * @param sources the parts
 */
export function readStatus(sources: StatusSources): GateStatus {
  const { issuer, serverClock, bounds, feeds } = sources
  const keys = sources.keys.status()
  const clockOffset = Math.round(serverClock.offset())
  const problems: string[] = []
  const warnings: string[] = []

  if (!keys.loaded) problems.push(`the keys are not loaded: ${keys.problem ?? 'not asked yet'}`)
  else if (keys.problem !== undefined) warnings.push(`the keys are not fresh: ${keys.problem}`)
  const undiscovered = issuer.problem()
  if (undiscovered !== undefined) {
    problems.push(`the issuer is not known: ${undiscovered} (ZEROID_ISSUER sets it)`)
  }
  if (Math.abs(clockOffset) > bounds.clockSkew) {
    problems.push(`the clock differs from the server's by ${clockOffset} ms (GATE_CLOCK_SKEW)`)
  }
  const refused = sources.introspector.problem()
  if (refused !== undefined) warnings.push(refused)
  problems.push(...feeds.problems())
  warnings.push(...feeds.warnings())

  return {
    ready: problems.length === 0,
    problems,
    warnings,
    mode: bounds.mode,
    issuer: issuer.value(),
    keys,
    clockOffset,
    tokens: sources.tokens,
    watches: sources.watches,
    tenants: feeds.status(),
  }
}
