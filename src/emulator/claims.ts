import type { Claims, Credential, Identity } from './types.ts'

/** How many actors an `act` claim names at most; the oldest go first (RFC 8693 §4.1). */
const maxActors = 16

/** The grants that issue access tokens, as the `grant_type` claim names them. */
export type GrantName = 'client_credentials' | 'api_key' | 'token_exchange'

/** What a token says, beyond what its credential record holds. */
export interface ClaimsInput {
  credential: Credential
  identity: Identity
  issuer: string
  /** Issued at, in epoch seconds. */
  iat: number
  grant: GrantName
  audience: string[]
  /** RFC 7638 thumbprint of the DPoP key the token is bound to. */
  jkt?: string | undefined
  /** Legacy profile: the delegating parent, or the creator of the API key. */
  legacyActor?: string | undefined
}

/**
 * Builds the claims of an access token.
 *
 * Legacy: `sub` is the holder and `act` names one party. rfc8693: `sub` is the principal, `act`
 * nests the actors, and on a delegated token the actor's attributes stand inside the outermost
 * `act` rather than at the top.
 */
export function accessTokenClaims(input: ClaimsInput): Claims {
  const { credential, identity, issuer, iat, grant, audience, jkt } = input
  const rfc8693 = credential.profile === 'rfc8693'
  return {
    iss: issuer,
    aud: audience,
    sub: rfc8693 ? credential.principal.sub : identity.wimseUri,
    iat,
    exp: credential.exp,
    jti: credential.jti,
    account_id: credential.account,
    project_id: credential.project,
    grant_type: grant,
    ...(rfc8693 && credential.actors.length > 0 ? {} : attributes(identity)),
    sub_type: identity.subType,
    status: identity.status,
    ...(identity.owner === '' ? {} : { owner_user_id: identity.owner }),
    ...(credential.depth > 0 ? { delegation_depth: credential.depth } : {}),
    ...(identity.name === '' ? {} : { name: identity.name }),
    ...(credential.scopes.length === 0 ? {} : { scopes: credential.scopes }),
    mission_id: credential.missionId,
    ...(rfc8693 ? profileClaims(input) : legacyAct(input.legacyActor)),
    ...(jkt === undefined ? {} : { cnf: { jkt } }),
  }
}

function attributes(identity: Identity): Claims {
  const { externalId, identityType, trustLevel } = identity
  return { external_id: externalId, identity_type: identityType, trust_level: trustLevel }
}

function legacyAct(sub: string | undefined): Claims {
  return sub === undefined || sub === '' ? {} : { act: { sub } }
}

function profileClaims({ credential, identity, issuer }: ClaimsInput): Claims {
  const { principal, scopes } = credential
  const act = actorChain(credential.actors, identity)
  return {
    principal_type: principal.type,
    ...(principal.type === 'user' ? { user_id_iss: issuer } : {}),
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(act === undefined ? {} : { act }),
  }
}

/** Nests the actors, the current one outermost; only that one carries its attributes. */
function actorChain(actors: readonly string[], current: Identity): Claims | undefined {
  return actors.slice(0, maxActors).reduceRight<Claims | undefined>(
    (inner, sub, index) => ({
      sub,
      ...(index === 0 ? attributes(current) : {}),
      ...(inner === undefined ? {} : { act: inner }),
    }),
    undefined,
  )
}
