import { maxCorrection } from '../clock.ts'
import type { DenyReason, Evidence, UnknownReason } from '../verdict.ts'
import type { Bounds, JudgedToken, Present, Suspicion, TenantKnowledge } from './facts.ts'

/** What becomes of a token, or whom to ask. */
export type Decision =
  | { readonly say: 'allow'; readonly renew: boolean }
  | { readonly say: 'deny'; readonly reason: DenyReason }
  | { readonly say: 'ask' }
  | { readonly say: 'unknown'; readonly reason: UnknownReason }

/**
 * Within this time of a signal, in milliseconds, `iat` cannot tell before from after: `iat` is cut
 * to seconds, and the server writes the signal before it revokes.
 */
export const tieWindow = 2_000

const allow: Decision = { say: 'allow', renew: false }
const allowAndRenew: Decision = { say: 'allow', renew: true }
const ask: Decision = { say: 'ask' }
const denials = {
  expired: { say: 'deny', reason: 'token_expired' },
  early: { say: 'deny', reason: 'token_not_yet_valid' },
  inactive: { say: 'deny', reason: 'token_inactive' },
  revoked: { say: 'deny', reason: 'revoked_by_signal' },
} as const satisfies Record<string, Decision>
const unknowns = {
  deaf: { say: 'unknown', reason: 'feed_not_live' },
  old: { say: 'unknown', reason: 'issued_before_known' },
  pending: { say: 'unknown', reason: 'signal_pending' },
  tied: { say: 'unknown', reason: 'tied_with_signal' },
  early: { say: 'unknown', reason: 'dated_ahead' },
} as const satisfies Record<string, Decision>

/**
 * The rule of the house: no verdict rests on old knowledge. Pure; all I/O stands around it.
 *
 * @param token what is judged
 * @param evidence what is known of this token; undefined at first sight
 * @param tenant what the token's feed knows; undefined where no feed is followed
 * @param present the clocks
 * @param bounds the operator's bounds
 * @returns `allow` (and whether the evidence should be renewed), `deny`, `ask` the server, or
 *   `unknown` where nobody may be asked
 */
export function decide(
  token: JudgedToken,
  evidence: Evidence | undefined,
  tenant: TenantKnowledge | undefined,
  present: Present,
  bounds: Bounds,
): Decision {
  // Our clocks may disagree: a token is refused only where it is refused by either.
  const { now, latest } = present
  if (now >= token.expiresAt * 1000 + bounds.clockSkew) return denials.expired
  if (token.inactive) return denials.inactive
  if (tenant !== undefined && isMarked(token, tenant)) return denials.revoked
  if (isDatedAhead(token, present, bounds)) {
    // The server signed it, so its clock may have moved since it last told us the time.
    if (aheadOf(token, latest) > maxCorrection) return denials.early
    return present.justAsked || bounds.mode === 'local' ? unknowns.early : ask
  }

  if (isForgotten(token, evidence)) return ask
  if (bounds.mode === 'local') return decideLocally(token, tenant, present, bounds)
  if (evidence === undefined) return ask
  if (bounds.mode === 'live')
    return present.justAsked && hasAnswer(token, evidence, tenant, true) ? allow : ask
  return decideByEvidence(token, evidence, tenant, present, bounds)
}

/**
 * Whether the server may have called the token inactive, and nothing since tells that it did not.
 *
 * @param token what is judged
 * @param evidence what is known of this token
 */
export function isForgotten(
  token: Pick<JudgedToken, 'forgotten'>,
  evidence: Evidence | undefined,
): boolean {
  return token.forgotten && evidence?.kind !== 'introspected'
}

/**
 * Whether a token is dated further ahead of the server's time than the leeway allows, by `nbf` or by
 * `iat`: it is not valid yet, or what is known of the server's time is old.
 *
 * @param token what is judged
 * @param present the clocks
 * @param bounds the leeway
 */
export function isDatedAhead(
  token: Pick<JudgedToken, 'issuedAt' | 'notBefore'>,
  { latest }: Pick<Present, 'latest'>,
  { clockSkew }: Pick<Bounds, 'clockSkew'>,
): boolean {
  return aheadOf(token, latest) > clockSkew
}

/** Milliseconds. */
function aheadOf(
  { issuedAt, notBefore }: Pick<JudgedToken, 'issuedAt' | 'notBefore'>,
  latest: number,
): number {
  return Math.max(issuedAt, notBefore ?? 0) * 1000 - latest
}

/** A token issued in an earlier second than the signal is dead, whoever says otherwise. */
function isMarked(token: JudgedToken, tenant: TenantKnowledge): boolean {
  for (const name of token.lineage.names) {
    const mark = tenant.mark(name)
    if (mark !== undefined && token.issuedAt < Math.floor(mark.at / 1000)) return true
  }
  return false
}

function decideByEvidence(
  token: JudgedToken,
  evidence: Evidence,
  tenant: TenantKnowledge | undefined,
  present: Present,
  bounds: Bounds,
): Decision {
  const age = ageOf(evidence.at, present)
  if (age > bounds.maxStaleness) return ask
  if (!hasAnswer(token, evidence, tenant, present.justAsked)) return ask
  return age > bounds.maxStaleness / 2 ? allowAndRenew : allow
}

/** Milliseconds, reckoned on the safe side. */
function ageOf(at: number, present: Present): number {
  return at < present.trustedFrom
    ? Number.POSITIVE_INFINITY
    : present.monotonic - at + present.hidden
}

/** Whether the evidence is younger than everything that throws doubt on the token. */
function hasAnswer(
  token: JudgedToken,
  evidence: Evidence,
  tenant: TenantKnowledge | undefined,
  justAsked: boolean,
): boolean {
  if (tenant === undefined) return evidence.kind === 'introspected'
  if (!isKnown(token, tenant)) {
    if (evidence.kind !== 'introspected' || evidence.at < tenant.knownFrom) return false
  }
  const doubt = doubtOf(token, tenant)
  if (doubt === undefined) return true
  return (
    evidence.kind === 'introspected' && evidence.at >= (justAsked ? doubt.since : doubt.settledAt)
  )
}

function decideLocally(
  token: JudgedToken,
  tenant: TenantKnowledge | undefined,
  present: Present,
  bounds: Bounds,
): Decision {
  if (tenant === undefined) return unknowns.deaf
  if (ageOf(tenant.provedAt, present) > bounds.maxStaleness) return unknowns.deaf
  if (!isKnown(token, tenant)) return unknowns.old
  if (doubtOf(token, tenant) === undefined) return allow
  return tenant.pending === undefined ? unknowns.tied : unknowns.pending
}

/** Whether every signal that can concern the token is known. */
function isKnown(token: JudgedToken, tenant: TenantKnowledge): boolean {
  return token.issuedAt * 1000 >= tenant.knownSince + tieWindow
}

/** Everything that throws doubt on a token, as one suspicion: the latest of each time. */
function doubtOf(token: JudgedToken, tenant: TenantKnowledge): Suspicion | undefined {
  let doubt: Suspicion | undefined
  for (const name of token.lineage.names) doubt = later(doubt, concerning(token, tenant.mark(name)))
  if (!token.lineage.complete) doubt = later(doubt, concerning(token, tenant.lastRevoking))
  if (token.missionId !== undefined) {
    doubt = later(doubt, concerning(token, tenant.mission(token.missionId)))
  }
  return later(doubt, concerning(token, tenant.pending))
}

/** A token issued clearly after the signal is none of its business. */
function concerning(token: JudgedToken, suspicion: Suspicion | undefined): Suspicion | undefined {
  if (suspicion === undefined) return undefined
  const upTo = suspicion.upTo ?? suspicion.at
  return token.issuedAt * 1000 <= upTo + tieWindow ? suspicion : undefined
}

/**
 * Two suspicions as one: the latest of each time.
 *
 * @param a one, or none
 * @param b the other, or none
 */
export function later(a: Suspicion | undefined, b: Suspicion | undefined): Suspicion | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const at = Math.max(a.at, b.at)
  const upTo = Math.max(a.upTo ?? a.at, b.upTo ?? b.at)
  return {
    at,
    ...(upTo > at ? { upTo } : {}),
    since: Math.max(a.since, b.since),
    settledAt: Math.max(a.settledAt, b.settledAt),
  }
}

/**
 * Whether a token's own minting is evidence enough at first sight: it was active then. Only where
 * the feed is live and has known every signal since, so that none in between was missed.
 *
 * @param token what is judged
 * @param tenant what the token's feed knows
 * @param present the clocks
 * @param bounds the operator's bounds
 * @returns the evidence, dated back to the minting; undefined where the server must be asked
 */
export function mintEvidence(
  token: JudgedToken,
  tenant: TenantKnowledge | undefined,
  present: Present,
  bounds: Bounds,
): Evidence | undefined {
  if (bounds.mode !== 'hybrid' || tenant?.state !== 'live') return undefined
  const age = present.latest - token.issuedAt * 1000
  if (age < -bounds.clockSkew || age >= bounds.maxStaleness / 2) return undefined
  if (!isKnown(token, tenant)) return undefined
  return { kind: 'minted', at: present.monotonic - Math.max(0, age) }
}
