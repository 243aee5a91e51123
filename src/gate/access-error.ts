import type { AccessErrorCode } from '../errors.ts'
import { AccessError } from '../errors.ts'
import type { Deny, DenyReason, Unknown } from '../verdict.ts'

const codes: Partial<Record<DenyReason, AccessErrorCode>> = {
  missing_token: 'missing_token',
  malformed_authorization: 'invalid_request',
  several_authorizations: 'invalid_request',
  unknown_key: 'invalid_signature',
  algorithm_refused: 'invalid_signature',
  bad_signature: 'invalid_signature',
  token_expired: 'token_expired',
  token_inactive: 'token_inactive',
  revoked_by_signal: 'token_inactive',
}

/**
 * A refusal as an error, for whoever can only be told by one.
 *
 * @param verdict why
 */
export function accessErrorOf(verdict: Deny | Unknown): AccessError {
  const { reason } = verdict
  if (verdict.outcome === 'unknown') {
    return new AccessError('temporarily_unavailable', `nothing recent is known: ${reason}`, reason)
  }
  const code = codes[verdict.reason] ?? 'invalid_token'
  return new AccessError(code, `the token is refused: ${reason}`, reason)
}

/** Why a watch ends with its gate: nobody looks after it any more. */
export function gateClosed(): AccessError {
  return new AccessError('temporarily_unavailable', 'the gate was closed')
}
