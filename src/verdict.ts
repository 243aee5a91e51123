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

/** RFC 6750 §3.1 codes, and the server's own `missing_token`. They go on the wire. */
export type DenyCode = 'missing_token' | 'invalid_request' | 'invalid_token' | 'insufficient_scope'

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
  | 'internal_error'

/** The caller may pass. */
export interface Allow {
  readonly outcome: 'allow'
  readonly identity: Identity
  readonly evidence: Evidence
}

/** The caller may not pass, and asking again with the same token will not help. */
export interface Deny {
  readonly outcome: 'deny'
  readonly status: 401 | 403
  readonly code: DenyCode
  readonly reason: DenyReason
  /** The header member or claim at fault, a name from the gate's own lists. */
  readonly detail?: string
  /** Known where the signature held; never for a token that nobody vouched for. */
  readonly identity?: Identity
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
