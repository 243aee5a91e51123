import type { Identity } from '../verdict.ts'
import type { Claims } from './claims.ts'

const none: Identity['actors'] = Object.freeze([])

/**
 * What the backend is told about the bearer of these claims.
 *
 * @param claims of a verified token
 * @returns a frozen object, the same for the token's whole life
 */
export function identityOf(claims: Claims): Identity {
  const current = claims.actors[0]
  // Under the legacy profile `act` is the delegating parent or the key's creator: who acts is the
  // subject. Under rfc8693 the outermost `act` is the current actor (RFC 8693 §4.1), and the top
  // level describes the principal, if anybody.
  const acting = claims.profile === 'rfc8693' && current !== undefined ? current : claims
  // All requests with this token see the same lists: none may change them for the others.
  for (const list of [
    claims.scopes,
    claims.tools,
    claims.audiences,
    claims.actors,
    ...claims.actors,
  ]) {
    Object.freeze(list)
  }
  return Object.freeze({
    subject: claims.subject,
    accountId: claims.accountId,
    projectId: claims.projectId,
    tokenId: claims.tokenId,
    identityType: acting.identityType,
    trustLevel: acting.trustLevel,
    externalId: acting.externalId,
    actSubject: current?.subject,
    actor: acting.subject,
    scopes: claims.scopes,
    delegationDepth: claims.delegationDepth,
    missionId: claims.missionId,
    owner: claims.owner,
    subType: claims.subType,
    audiences: claims.audiences,
    keyThumbprint: claims.keyThumbprint,
    profile: claims.profile,
    principalType: claims.principalType,
    actors: isKeyCreator(claims) ? none : claims.actors,
    tools: claims.tools,
    grantType: claims.grantType,
    issuedAt: claims.issuedAt,
    expiresAt: claims.expiresAt,
  })
}

/** On an API key's token the legacy `act` is who made the key: a user who does not act. */
function isKeyCreator({ profile, grantType }: Claims): boolean {
  return profile === 'legacy' && grantType === 'api_key'
}
