import type { DenyReason, UnknownReason, Verdict } from '../../verdict.ts'

/** The checks, in the order in which the gate makes them. */
export const checks = [
  'bearer',
  'server',
  'form',
  'header',
  'key',
  'signature',
  'payload',
  'issuer',
  'audience',
  'claims',
  'tenant',
  'times',
  'signals',
  'evidence',
] as const

export type Check = (typeof checks)[number]

interface Reason {
  /** The check that ended with this reason. */
  readonly check: Check
  readonly text: string
}

/** Every reason there is: one that is added without a word here does not compile. */
const reasons: Readonly<Record<DenyReason | UnknownReason, Reason>> = {
  missing_token: { check: 'bearer', text: 'no Authorization header' },
  malformed_authorization: {
    check: 'bearer',
    text: 'not one bearer token; is there text around it?',
  },
  several_authorizations: { check: 'bearer', text: 'more than one Authorization header' },
  token_too_long: { check: 'bearer', text: 'longer than 16 KiB' },
  issuer_not_discovered: { check: 'server', text: 'ZeroID has not told its issuer yet' },
  token_malformed: {
    check: 'form',
    text: 'not a compact JWT: three base64url parts joined by dots',
  },
  header_refused: { check: 'header', text: 'a header that ZeroID never writes' },
  algorithm_refused: { check: 'header', text: 'only ES256 and RS256, as the key says' },
  unknown_key: { check: 'key', text: 'ZeroID publishes no key with this kid' },
  key_not_seen_yet: { check: 'key', text: 'a key that ZeroID may have added since the last look' },
  keys_not_loaded: { check: 'key', text: 'the keys could not be loaded' },
  bad_signature: { check: 'signature', text: 'does not hold: altered, or signed by somebody else' },
  claims_malformed: { check: 'payload', text: 'not one well-formed JSON object' },
  wrong_issuer: { check: 'issuer', text: 'the token comes from another issuer' },
  wrong_audience: {
    check: 'audience',
    text: 'the token is for others; GATE_AUDIENCE says for whom',
  },
  claim_missing: { check: 'claims', text: 'a claim is missing' },
  claim_invalid: { check: 'claims', text: 'a claim has a value that cannot be used' },
  not_an_access_token: { check: 'claims', text: 'signed by ZeroID, but no access token' },
  tenant_refused: { check: 'tenant', text: 'not among ZEROID_TENANTS' },
  token_expired: { check: 'times', text: 'the token has expired' },
  token_not_yet_valid: {
    check: 'times',
    text: 'the token is not valid yet, or comes from the future',
  },
  revoked_by_signal: { check: 'signals', text: 'a signal revoked it after it was issued' },
  token_inactive: { check: 'evidence', text: 'ZeroID says: not active (revoked, or not its own)' },
  server_unreachable: { check: 'evidence', text: 'ZeroID does not answer' },
  server_overloaded: { check: 'evidence', text: 'too many questions are waiting for ZeroID' },
  server_answer_unusable: { check: 'evidence', text: 'ZeroID gave no answer that can be used' },
  client_refused: { check: 'evidence', text: 'ZeroID refused the client of ZEROID_CLIENT_ID' },
  feed_not_live: { check: 'evidence', text: 'the signals of this tenant are not being followed' },
  issued_before_known: { check: 'evidence', text: 'issued before the gate knew all signals' },
  signal_pending: { check: 'evidence', text: 'a signal came in and is not applied yet' },
  tied_with_signal: { check: 'evidence', text: 'issued in the same moment as a signal' },
  // Nothing is known of how far it came.
  internal_error: { check: 'bearer', text: 'the check itself failed' },
}

/** Where and why a token did not pass. */
export interface Failure {
  readonly check: Check
  readonly text: string
}

/**
 * Derives the check that ended a verdict from its reason and detail.
 *
 * @param verdict the gate's
 * @param alg the token's own word for its algorithm
 * @returns the check and what it found; undefined for an allow
 */
export function failureOf(verdict: Verdict, alg: unknown): Failure | undefined {
  if (verdict.outcome === 'allow') return undefined
  const { reason } = verdict
  const detail = verdict.outcome === 'deny' ? verdict.detail : undefined
  const { check, text } = reasons[reason]
  return {
    check: special(reason, detail, alg) ?? check,
    text: `${reason}${detail === undefined ? '' : ` (${detail})`}: ${text}`,
  }
}

/** Some reasons belong to more than one check; the detail tells which. */
function special(reason: string, detail: string | undefined, alg: unknown): Check | undefined {
  if (reason === 'algorithm_refused') {
    return alg === 'ES256' || alg === 'RS256' ? 'key' : 'header'
  }
  if (reason !== 'claim_missing' && reason !== 'claim_invalid') return undefined
  if (detail === 'iss') return 'issuer'
  return detail === 'aud' ? 'audience' : 'claims'
}
