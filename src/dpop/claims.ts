import type { JsonObject } from '../token/json.ts'
import { member } from '../token/json.ts'
import type { Deny } from '../verdict.ts'
import { isBodyHash } from './body-hash.ts'
import { isEqual } from './equal.ts'
import { normalizeUrl } from './htu.ts'
import { refuseProof } from './refusal.ts'

/** How old a proof may be, in milliseconds: ZeroID's own bound. */
export const maxAge = 60_000
/** How far a client's clock may be ahead of ours, in milliseconds. */
export const leeway = 5_000

/** Longest `jti`, in characters: ZeroID's own bound. */
const maxIdentifier = 512
const control = /\p{Cc}/u

/** What a proof must have been made for. */
export interface Expected {
  /** SHA-256 of the access token in base64url. */
  readonly ath: string
  readonly method: string
  /** Normalised; undefined where the request's own URL is none. */
  readonly url: string | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The claims of a proof that was made for this request; what it is worth shows its signature. */
export interface ProofClaims {
  readonly jti: string
  /** `iat`: seconds since the epoch. */
  readonly issuedAt: number
  /** As it was parsed. */
  readonly nonce: unknown
  /** `bh`. */
  readonly bodyHash: string | undefined
}

/**
 * Checks the claims of a proof against the request that it came with.
 *
 * @param payload the parsed claims set
 * @param expected token, method, URL, time
 * @returns what the further checks need; or the refusal, in the order of `ath`, `htm`, `htu`, times,
 *   form
 * @see RFC 9449 §4.3, criteria 3, 8, 9, 11 and 12
 */
export function checkClaims(payload: JsonObject, expected: Expected): ProofClaims | Deny {
  const refusal =
    checkToken(payload, expected) ??
    checkRequest(payload, expected) ??
    checkTimes(payload, expected.now)
  if (refusal !== undefined) return refusal

  const jti = member(payload, 'jti')
  if (!isIdentifier(jti)) return refuseProof('invalid_dpop_proof', 'jti')
  const bodyHash = member(payload, 'bh')
  if (bodyHash !== undefined && !isBodyHash(bodyHash)) {
    return refuseProof('invalid_dpop_proof', 'bh')
  }
  const issuedAt = member(payload, 'iat') as number
  return { jti, issuedAt, nonce: member(payload, 'nonce'), bodyHash }
}

function checkToken(payload: JsonObject, { ath: expected }: Expected): Deny | undefined {
  const ath = member(payload, 'ath')
  if (ath === undefined) return refuseProof('ath_mismatch')
  if (typeof ath !== 'string') return refuseProof('invalid_dpop_proof', 'ath')
  return isEqual(ath, expected) ? undefined : refuseProof('ath_mismatch')
}

/**
 * RFC 9110 §9.1: methods are told apart by case. ZeroID's verifier folds it, but RFC 9449 §4.3 says
 * that the claim matches the method, and a backend may well serve `get` as something of its own.
 */
function checkRequest(payload: JsonObject, { method, url }: Expected): Deny | undefined {
  const htm = member(payload, 'htm')
  if (typeof htm !== 'string' || htm === '') return refuseProof('invalid_dpop_proof', 'htm')
  if (htm !== method) return refuseProof('htm_mismatch')
  const htu = member(payload, 'htu')
  const normalized = typeof htu === 'string' ? normalizeUrl(htu) : undefined
  if (normalized === undefined) return refuseProof('invalid_dpop_proof', 'htu')
  return normalized === url ? undefined : refuseProof('htu_mismatch')
}

function checkTimes(payload: JsonObject, now: number): Deny | undefined {
  const iat = member(payload, 'iat')
  if (!isTime(iat)) return refuseProof('invalid_dpop_proof', 'iat')
  if (iat * 1000 < now - maxAge || iat * 1000 > now + leeway) {
    return refuseProof('iat_outside_window', 'iat')
  }
  const exp = member(payload, 'exp')
  if (exp !== undefined && !isTime(exp)) return refuseProof('invalid_dpop_proof', 'exp')
  // RFC 7519 §4.1.4: from that moment on, not after it.
  if (exp !== undefined && exp * 1000 <= now - leeway) {
    return refuseProof('iat_outside_window', 'exp')
  }
  const nbf = member(payload, 'nbf')
  if (nbf !== undefined && !isTime(nbf)) return refuseProof('invalid_dpop_proof', 'nbf')
  if (nbf !== undefined && nbf * 1000 > now + leeway) {
    return refuseProof('iat_outside_window', 'nbf')
  }
  return undefined
}

/** RFC 7519 §2 NumericDate. `1e400` is infinite. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** Half a surrogate pair would become another character when it is hashed, and two jti one. */
function isIdentifier(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= maxIdentifier &&
    value.isWellFormed() &&
    !control.test(value)
  )
}
