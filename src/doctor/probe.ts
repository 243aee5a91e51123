import type { FixId } from './advice.ts'
import type { WireAnswer, WireClient } from './client.ts'
import type { Echo } from './echo.ts'
import { readEcho } from './echo.ts'

/** A request that the gate got. Header values are Latin-1. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
}

/** The other side of the proxy, for whoever holds it. */
export interface GateSide {
  /** @returns the identity headers that the gate itself answers to this token */
  verdict(token: string): Promise<readonly string[]>
  /** Forgets what was seen. */
  clear(): void
  /** Since it was last cleared. */
  seen(): readonly SeenRequest[]
  /** New TCP connections since it was last cleared. */
  connections(): number
  /** From now on the gate answers 503 with this `Retry-After`. */
  unknown(retryAfter: number): void
  /** Nothing listens any more. */
  down(): Promise<void>
  /** As it was at first. */
  back(): Promise<void>
}

/** What is probed: a proxy with the gate beside it and an echo behind it. */
export interface Site {
  readonly client: WireClient
  /** A token that the gate lets in. */
  readonly token: string
  /** Absent: probes that need it are skipped. */
  readonly gate?: GateSide
}

/** What is wrong, in one sentence, and what mends it. */
export interface Finding {
  readonly problem: string
  readonly fix: FixId
  /** The header that it showed on. */
  readonly header?: string
}

/** One attack or one demand. */
export interface Probe {
  readonly id: string
  /** What holds where the probe passes. */
  readonly title: string
  /** `gate`: needs the other side of the proxy too. */
  readonly needs?: 'gate'
  /** @returns undefined where all is well */
  run(site: Site, gate: GateSide): Promise<Finding | undefined>
}

/** `Authorization` for the site's token, as a request's headers. */
export function bearer(site: Site): readonly string[] {
  return ['Authorization', `Bearer ${site.token}`]
}

/** A WebSocket handshake's headers, but for `Connection` (RFC 6455 §4.1). */
export const websocket: readonly string[] = [
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Version',
  '13',
  'Sec-WebSocket-Key',
  'ZG9jdG9yLWRvY3Rvci1kbw==',
]

/**
 * @param answer to a request with a good token
 * @returns what the backend got, or why it got nothing
 */
export function echoOf(answer: WireAnswer): Echo | Finding {
  const echo = readEcho(answer)
  if (echo !== undefined) return echo
  if (answer.status === 200 || answer.status === 101) {
    return {
      problem: `a ${answer.status} that does not come from the echo backend`,
      fix: 'backend',
    }
  }
  return { problem: `a good token got ${answer.status}`, fix: 'gate-address' }
}

/** Tells a finding from an echo. */
export function isFinding(value: Echo | Finding): value is Finding {
  return 'problem' in value
}

/**
 * @param answer to a request that must not pass
 * @param expected the status
 * @param fix what mends it
 * @param what the request, to follow "to"
 */
export function refusedWith(
  answer: WireAnswer,
  expected: number,
  fix: FixId,
  what: string,
): Finding | undefined {
  if (answer.status === expected) return undefined
  const passed = readEcho(answer) === undefined ? '' : ', and the backend got it'
  return { problem: `${answer.status} to ${what}, not ${expected}${passed}`, fix }
}
