/**
 * What the gate says about one request, and what an allow rests on. A verdict is a value: it is
 * never thrown, and there is no fourth outcome.
 */

/** One party of a delegation chain. */
export interface Actor {
  readonly subject: string
  readonly identityType: string | undefined
  readonly trustLevel: string | undefined
  readonly externalId: string | undefined
}

/** How the caller is described to the backend: one frozen object for each remembered token. */
export interface Identity {
  /** `sub`: a WIMSE URI, or the principal under the rfc8693 profile. */
  readonly subject: string
  readonly accountId: string
  readonly projectId: string
  /** `jti`. */
  readonly tokenId: string
  readonly identityType: string | undefined
  readonly trustLevel: string | undefined
  readonly externalId: string | undefined
  /** `act.sub` of the outermost `act`, as the server reports it. */
  readonly actSubject: string | undefined
  /** The party that sends the request: the outermost `act` under rfc8693, else `sub`. */
  readonly actor: string
  readonly scopes: readonly string[]
  readonly delegationDepth: number
  readonly missionId: string | undefined
  /** `owner_user_id`. */
  readonly owner: string | undefined
  /** `sub_type` of the subject, such as `orchestrator` or `tool_agent`. */
  readonly subType: string | undefined
  /** `aud`. */
  readonly audiences: readonly string[]
  /** RFC 7638 thumbprint in `cnf.jkt` (RFC 9449 §6.1); empty: bound to a key that nobody can show. */
  readonly keyThumbprint: string | undefined
  /** `rfc8693` where `act` nests every actor and `subject` is the principal. */
  readonly profile: 'legacy' | 'rfc8693'
  /** `user`, `workload` or `unknown`; rfc8693 only. */
  readonly principalType: string | undefined
  /**
   * Who stands between the subject and this request. rfc8693: everybody who acts, the current one
   * first. Legacy: the delegating parent, all that such a token tells.
   */
  readonly actors: readonly Actor[]
  /** `allowed_tools`. */
  readonly tools: readonly string[]
  readonly grantType: string
  /** Seconds since the epoch, by the server's clock. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** What an allow rests on. Times are milliseconds on the gate's monotonic clock. */
export type Evidence =
  | { readonly kind: 'introspected'; readonly at: number }
  | { readonly kind: 'minted'; readonly at: number }
  | { readonly kind: 'signals'; readonly at: number }
  /** Nothing recent is known and `GATE_ON_UNKNOWN=allow` let it pass. */
  | { readonly kind: 'none'; readonly at: number }

/**
 * RFC 6750 §3.1 and RFC 9449 §7.1 codes, the server's own `missing_token`, and a name for each
 * refusal that has no code there. They go on the wire.
 */
export type DenyCode =
  | 'missing_token'
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'insufficient_trust'
  | 'access_denied'
  | RequirementReason

/** What a route asks for beyond scopes and trust, and a caller does not have. */
export type RequirementReason =
  | 'identity_type_not_allowed'
  | 'sub_type_not_allowed'
  | 'tenant_not_allowed'
  | 'audience_not_allowed'
  | 'delegation_too_deep'
  | 'actor_not_allowed'
  | 'tool_not_allowed'

/** Why a proof of possession was refused, in the words of ZeroID's own verifier where it has any. */
export type ProofReason =
  | 'proof_missing'
  | 'several_proofs'
  | 'token_not_bound'
  | 'invalid_dpop_proof'
  | 'unsupported_algorithm'
  | 'invalid_signature'
  | 'cnf_jkt_mismatch'
  | 'htm_mismatch'
  | 'htu_mismatch'
  | 'ath_mismatch'
  | 'iat_outside_window'
  | 'dpop_replay_detected'
  | 'dpop_nonce_required'
  | 'body_hash_mismatch'

/** Why a token was refused. A closed list: it labels metrics and log lines. */
export type DenyReason =
  | 'missing_token'
  | 'malformed_authorization'
  | 'several_authorizations'
  | 'token_too_long'
  | 'token_malformed'
  | 'header_refused'
  | 'algorithm_refused'
  | 'unknown_key'
  | 'bad_signature'
  | 'claims_malformed'
  | 'claim_missing'
  | 'claim_invalid'
  | 'not_an_access_token'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'tenant_refused'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_inactive'
  | 'revoked_by_signal'
  | 'request_ambiguous'
  | RefusalReason
  | ProofReason

/** Why the gate cannot tell. A closed list: it labels metrics and log lines. */
export type UnknownReason =
  | 'issuer_not_discovered'
  | 'keys_not_loaded'
  | 'key_not_seen_yet'
  | 'server_unreachable'
  | 'server_overloaded'
  | 'server_answer_unusable'
  | 'client_refused'
  | 'feed_not_live'
  | 'issued_before_known'
  | 'signal_pending'
  | 'tied_with_signal'
  | 'dated_ahead'
  | 'policy_not_loaded'
  | 'replay_memory_full'
  | 'proof_before_start'
  | 'internal_error'

/** The caller may pass. */
export interface Allow {
  readonly outcome: 'allow'
  readonly identity: Identity
  readonly evidence: Evidence
  /** Set where the caller proved that it holds the key which its token is bound to (RFC 9449). */
  readonly proof?: Proof
}

/** A proof of possession that held. */
export interface Proof {
  /** `bh`, ZeroID's extension: SHA-256 of the body in base64url, for whoever reads the body. */
  readonly bodyHash: string | undefined
}

/** The caller may not pass, and asking again with the same token will not help. */
export interface Deny {
  readonly outcome: 'deny'
  readonly status: 400 | 401 | 403
  readonly code: DenyCode
  readonly reason: DenyReason
  /** The header member or claim at fault, a name from the gate's own lists. */
  readonly detail?: string
  /** Known where the signature held; never for a token that nobody vouched for. */
  readonly identity?: Identity
  /** `insufficient_scope`: granting exactly these lets the request pass. */
  readonly scopes?: readonly string[]
  /** `insufficient_trust`: the level needed. */
  readonly trustLevel?: string
  /** The caller used DPoP, or should have: the challenge says so (RFC 9449 §7.1). */
  readonly dpop?: true
  /** A fresh nonce for the next proof (RFC 9449 §9). */
  readonly nonce?: string
}

/** The gate cannot tell; the same token may pass later. */
export interface Unknown {
  readonly outcome: 'unknown'
  readonly reason: UnknownReason
  /** Seconds after which asking again makes sense. */
  readonly retryAfter: number
  readonly identity?: Identity
}

export type Verdict = Allow | Deny | Unknown

const codes: Partial<Record<DenyReason, DenyCode>> = {
  missing_token: 'missing_token',
  malformed_authorization: 'invalid_request',
  several_authorizations: 'invalid_request',
}

/** What a 403 says beside its reason. */
export interface RefusalFacts {
  readonly detail?: string
  readonly identity?: Identity
  readonly scopes?: readonly string[]
  readonly trustLevel?: string
}

/** The reasons of a caller that may pass, but not here. */
export type RefusalReason =
  | 'request_not_described'
  | 'path_refused'
  | 'no_route'
  | 'proofs_off'
  | 'insufficient_scope'
  | 'insufficient_trust'
  | RequirementReason

const refusalCodes: Partial<Record<RefusalReason, DenyCode>> = {
  request_not_described: 'access_denied',
  path_refused: 'access_denied',
  no_route: 'access_denied',
  proofs_off: 'access_denied',
}

/**
 * A 403: the token is good, but not for this. Which route says so is not told to the caller.
 *
 * @param reason why, from the closed list
 * @param facts what is missing, and whose it is
 */
export function refuse(reason: RefusalReason, facts: RefusalFacts = {}): Deny {
  const code = refusalCodes[reason] ?? (reason as DenyCode)
  return { outcome: 'deny', status: 403, code, reason, ...facts }
}

/**
 * A 401 with the code that belongs to its reason (RFC 6750 §3.1).
 *
 * @param reason why, from the closed list
 * @param detail the header member or claim at fault; never text that the caller sent
 * @param identity the caller, where the signature held
 */
export function deny(reason: DenyReason, detail?: string, identity?: Identity): Deny {
  return {
    outcome: 'deny',
    status: 401,
    code: codes[reason] ?? 'invalid_token',
    reason,
    ...(detail === undefined ? undefined : { detail }),
    ...(identity === undefined ? undefined : { identity }),
  }
}

/**
 * A 503: fail closed, but do not tell the agent to throw its token away.
 *
 * @param reason why, from the closed list
 * @param retryAfter whole seconds for `Retry-After`, default 1
 * @param identity the caller, where the signature held
 */
export function unknown(reason: UnknownReason, retryAfter = 1, identity?: Identity): Unknown {
  return {
    outcome: 'unknown',
    reason,
    retryAfter,
    ...(identity === undefined ? undefined : { identity }),
  }
}
