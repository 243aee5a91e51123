import { proofAlgorithms } from '../dpop/algorithms.ts'
import type { Deny } from '../verdict.ts'

/** What a challenge is made of. */
export type ChallengeFacts = Pick<Deny, 'code' | 'scopes' | 'trustLevel' | 'dpop'>

/** RFC 6750 §3.1 has these; in a Bearer challenge every other code of DPoP is this one. */
const dpopOnly: readonly Deny['code'][] = ['invalid_dpop_proof', 'use_dpop_nonce']

/**
 * The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1): its only author.
 * Several challenges stand in one value (RFC 9110 §11.6.1), since some proxies keep only the first
 * header of a name.
 *
 * RFC 6750 §3.1 would have no error code where no credentials came; ZeroID sends `missing_token`,
 * and the gate is a drop-in replacement.
 *
 * @param facts the error code, what is missing, whether DPoP is meant
 * @param resourceMetadata URL of the protected resource's metadata
 */
export function challenge(facts: ChallengeFacts, resourceMetadata: string): string {
  const { code, scopes = [], trustLevel, dpop } = facts
  const lacking = [
    ...(scopes.length === 0 ? [] : [`scope="${scopes.join(' ')}"`]),
    ...(trustLevel === undefined ? [] : [`trust_level="${trustLevel}"`]),
  ]
  const bearer = dpopOnly.includes(code) ? 'invalid_token' : code
  const metadata = `resource_metadata="${resourceMetadata}"`
  const plain = `Bearer ${[`error="${bearer}"`, ...lacking, metadata].join(', ')}`
  if (dpop !== true) return plain
  // RFC 9449 §7.1: who sent no token is told the algorithms alone.
  const errors = code === 'missing_token' ? [] : [`error="${code}"`]
  const algorithms = `algs="${proofAlgorithms.join(' ')}"`
  return `${plain}, DPoP ${[...errors, ...lacking, algorithms].join(', ')}`
}

/**
 * Where the server publishes its own resource metadata (RFC 9728 §3.1).
 *
 * @param issuer base URL
 */
export function defaultResourceMetadata(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/oauth-protected-resource`
}
