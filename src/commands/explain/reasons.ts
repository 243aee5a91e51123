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
  'proof',
  'route',
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
  dated_ahead: { check: 'times', text: "dated ahead of what is known of ZeroID's time" },
  tied_with_signal: { check: 'evidence', text: 'issued in the same moment as a signal' },
  proof_missing: { check: 'proof', text: 'bound to a key, and no DPoP proof came with it' },
  several_proofs: { check: 'proof', text: 'more than one DPoP header' },
  token_not_bound: { check: 'proof', text: 'bound to no key, so that no proof can hold' },
  invalid_dpop_proof: { check: 'proof', text: 'not a DPoP proof' },
  unsupported_algorithm: { check: 'proof', text: 'signed by an algorithm that is not accepted' },
  invalid_signature: { check: 'proof', text: 'its signature does not hold' },
  cnf_jkt_mismatch: { check: 'proof', text: 'made with another key than the token is bound to' },
  htm_mismatch: { check: 'proof', text: 'made for another method' },
  htu_mismatch: {
    check: 'proof',
    text: 'made for another URL (GATE_PUBLIC_URL where the proxy changes it)',
  },
  ath_mismatch: { check: 'proof', text: 'made for another token' },
  iat_outside_window: { check: 'proof', text: 'older than a minute, or from the future' },
  dpop_replay_detected: { check: 'proof', text: 'used before' },
  dpop_nonce_required: { check: 'proof', text: 'without a nonce of ours, or with an old one' },
  body_hash_mismatch: { check: 'proof', text: 'made for another body' },
  proof_before_start: { check: 'proof', text: 'made before the gate started: perhaps used before' },
  replay_memory_full: { check: 'proof', text: 'more proofs than GATE_DPOP_PROOFS a minute' },
  policy_not_loaded: {
    check: 'route',
    text: 'no rules that can be used were in GATE_POLICY_FILE yet',
  },
  request_ambiguous: {
    check: 'route',
    text: 'described in two ways; GATE_DIALECT names the one to believe',
  },
  request_not_described: {
    check: 'route',
    text: 'the proxy does not tell what the request was (GATE_DIALECT)',
  },
  path_refused: {
    check: 'route',
    text: 'a path that backends may read in different ways, or a host or method that nobody can',
  },
  proofs_off: { check: 'route', text: 'it requires a proof, and GATE_DPOP is off' },
  no_route: { check: 'route', text: 'no route of the policy matches' },
  insufficient_scope: { check: 'route', text: 'a scope is missing' },
  insufficient_trust: { check: 'route', text: 'the trust level is too low' },
  identity_type_not_allowed: { check: 'route', text: 'for other identity types' },
  sub_type_not_allowed: { check: 'route', text: 'for other sub types' },
  tenant_not_allowed: { check: 'route', text: 'for other tenants' },
  audience_not_allowed: { check: 'route', text: 'the token is for another audience' },
  delegation_too_deep: { check: 'route', text: 'delegated too often' },
  actor_not_allowed: {
    check: 'route',
    text: 'a party of the delegation is not among those allowed',
  },
  tool_not_allowed: { check: 'route', text: 'the token does not allow the tool' },
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
