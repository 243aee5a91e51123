import type { Clock } from './clock.ts'
import { text } from './json.ts'
import { readCompact, readPublicKey, verifyWith } from './keys.ts'
import { OAuthError } from './oauth-error.ts'
import type { Store } from './store.ts'
import type { ActiveToken, Issued, Tokens } from './tokens.ts'
import type { Identity } from './types.ts'

/** A delegation: the parent's token, the sub-agent's assertion and what is asked for. */
export interface Exchange {
  subjectToken: string
  actorToken: string
  scopes: string[]
  /** Lifetime in seconds; never longer than the parent's. */
  ttl?: number | undefined
  jkt?: string | undefined
}

/** Carries out a delegation (RFC 8693). Throws OAuthError when it is refused. */
export type ExchangeToken = (request: Exchange) => Issued

const refuse = (description: string): OAuthError =>
  new OAuthError(400, 'invalid_grant', description)

/** Makes the token-exchange grant. */
export function createExchange(
  store: Store,
  tokens: Tokens,
  clock: Clock,
  issuer: string,
): ExchangeToken {
  function findParent(token: string): ActiveToken {
    const parent = tokens.inspect(token)
    if (parent === undefined) throw refuse('subject_token is inactive or has been revoked')
    return parent
  }

  function findActor(token: string): Identity {
    const assertion = readCompact(token)
    if (assertion === undefined) throw refuse('actor_token is malformed')
    if (assertion.header.alg !== 'ES256') {
      throw refuse('actor_token uses an unsupported algorithm')
    }
    const { iss, aud, exp, nbf } = assertion.claims
    const actor = store.byWimseUri(text(iss) ?? '')
    if (actor === undefined) throw refuse(`unknown actor identity ${String(iss)}`)
    if (actor.status !== 'active') throw refuse('actor identity is suspended or deactivated')
    if (actor.publicKeyPem === '') {
      throw refuse(`no public key registered for actor identity ${actor.id}`)
    }
    const key = readPublicKey(actor.publicKeyPem)
    if (key === undefined) throw refuse("actor's registered public key is invalid")
    const seconds = clock.now() / 1000
    const late = typeof exp === 'number' && seconds >= exp
    const early = typeof nbf === 'number' && seconds < nbf
    const ours = Array.isArray(aud) ? aud.includes(issuer) : aud === issuer
    if (late || early || !ours || !verifyWith(key, assertion)) {
      throw refuse('actor_token validation failed')
    }
    return actor
  }

  return ({ subjectToken, actorToken, scopes, ttl, jkt }) => {
    const parent = findParent(subjectToken)
    const actor = findActor(actorToken)
    const { credential, claims } = parent
    if (actor.account !== credential.account || actor.project !== credential.project) {
      throw refuse('subject_token and actor_token must belong to the same tenant')
    }
    const granted = scopes.filter(
      (scope) =>
        credential.scopes.includes(scope) &&
        (actor.allowedScopes.length === 0 || actor.allowedScopes.includes(scope)),
    )
    if (granted.length === 0) {
      throw new OAuthError(
        400,
        'invalid_scope',
        'requested scopes are not available for delegation',
      )
    }
    return tokens.issue({
      identity: actor,
      grant: 'token_exchange',
      scopes: granted,
      profile: credential.profile,
      principal: credential.principal,
      actors: [actor.wimseUri, ...credential.actors],
      parent: credential,
      legacyActor: text(claims.sub),
      jkt,
      ttl,
    })
  }
}
