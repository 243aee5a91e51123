import type { DenyCode } from '../verdict.ts'

/**
 * The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1): its only author.
 *
 * RFC 6750 §3.1 would have no error code where no credentials came; ZeroID sends `missing_token`,
 * and the gate is a drop-in replacement.
 *
 * @param code the error code
 * @param resourceMetadata URL of the protected resource's metadata
 * @param scopes what is missing (RFC 6750 §3); default: nothing is said of scopes
 */
export function challenge(
  code: DenyCode,
  resourceMetadata: string,
  scopes: readonly string[] = [],
): string {
  const scope = scopes.length === 0 ? '' : `scope="${scopes.join(' ')}", `
  return `Bearer error="${code}", ${scope}resource_metadata="${resourceMetadata}"`
}

/**
 * Where the server publishes its own resource metadata (RFC 9728 §3.1).
 *
 * @param issuer base URL
 */
export function defaultResourceMetadata(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/oauth-protected-resource`
}
