import { randomUUID } from 'node:crypto'
import { accessTokenClaims, type GrantName } from './claims.ts'
import type { Clock } from './clock.ts'
import type { Credentials } from './credentials.ts'
import { sortedJson, text } from './json.ts'
import type { Keys } from './keys.ts'
import { OAuthError } from './oauth-error.ts'
import type { Claims, Credential, Identity, Principal, Profile } from './types.ts'

/** The server's default and longest token lifetimes, in seconds (1 hour, 90 days). */
const defaultTtl = 3600
const maxTtl = 90 * 24 * 3600

/** An order to issue an access token. */
export interface Issue {
  identity: Identity
  grant: GrantName
  scopes: string[]
  profile: Profile
  principal: Principal
  /** Actors under rfc8693, the current one first. */
  actors?: string[]
  parent?: Credential | undefined
  legacyActor?: string | undefined
  jkt?: string | undefined
  /** Lifetime in seconds. */
  ttl?: number | undefined
  /** Issued at, in epoch seconds; default now. */
  iat?: number | undefined
  audience?: string[] | undefined
  /** Claims that replace or join the usual ones; one that is undefined leaves it out. */
  extra?: Claims | undefined
}

/** An issued token and what the token endpoint says about it. */
export interface Issued {
  token: string
  ttl: number
  iat: number
  credential: Credential
}

/** An active token: its payload and its record. */
export interface ActiveToken {
  claims: Claims
  credential: Credential
}

/** Issues and judges access tokens. */
export interface Tokens {
  issue(order: Issue): Issued
  /** The token's payload and record while it is active, else undefined. */
  inspect(token: string): ActiveToken | undefined
  /** The RFC 7662 answer. */
  introspect(token: string): Claims
}

/** Makes the issuer of access tokens. */
export function createTokens(
  keys: Keys,
  credentials: Credentials,
  clock: Clock,
  issuer: string,
): Tokens {
  function lifetime({ ttl = defaultTtl, parent, identity }: Issue): number {
    // Whole seconds that are left: a child lives up to one second less than its parent.
    const left = (endMs: number): number => Math.floor((endMs - clock.now()) / 1000)
    const limits = [ttl, maxTtl]
    if (parent !== undefined) limits.push(left(parent.exp * 1000))
    if (identity.expiresAt !== undefined) limits.push(left(identity.expiresAt))
    return Math.min(...limits)
  }

  function issue(order: Issue): Issued {
    const { identity, parent, profile, grant, extra = {} } = order
    refuseScopes(order.scopes, identity)
    if (identity.expiresAt !== undefined && identity.expiresAt <= clock.now()) {
      throw new OAuthError(400, 'invalid_grant', 'identity has expired')
    }
    const ttl = lifetime(order)
    const iat = order.iat ?? Math.floor(clock.now() / 1000)
    const jti = text(extra.jti) ?? randomUUID()
    const exp = typeof extra.exp === 'number' ? extra.exp : iat + ttl
    const credential: Credential = {
      jti,
      identityId: identity.id,
      account: identity.account,
      project: identity.project,
      exp,
      scopes: order.scopes,
      depth: parent === undefined ? 0 : parent.depth + 1,
      missionId: parent?.missionId ?? jti,
      ...(parent === undefined ? {} : { parent: parent.jti }),
      principal: order.principal,
      actors: profile === 'rfc8693' ? (order.actors ?? []) : [],
      profile,
      revoked: false,
    }
    const claims = accessTokenClaims({
      credential,
      identity,
      issuer,
      iat,
      grant,
      audience: order.audience ?? [issuer],
      jkt: order.jkt,
      legacyActor: order.legacyActor,
    })
    const kind = grant === 'api_key' ? 'rsa' : 'ec'
    const token = keys.sign(sortedJson({ ...claims, ...extra }), kind)
    credentials.add(credential)
    return { token, ttl, iat, credential }
  }

  function inspect(token: string): ActiveToken | undefined {
    const claims = keys.verify(token)
    const jti = text(claims?.jti)
    if (claims === undefined || jti === undefined || !timely(claims, clock.now())) return undefined
    const credential = credentials.get(jti)
    if (credential === undefined || credential.revoked) return undefined
    return clock.now() < credential.exp * 1000 ? { claims, credential } : undefined
  }

  return {
    issue,
    inspect,
    introspect(token) {
      const found = inspect(token)
      return found === undefined ? { active: false } : answer(found)
    },
  }
}

function refuseScopes(scopes: string[], { allowedScopes }: Identity): void {
  const denied = scopes.find((scope) => allowedScopes.length > 0 && !allowedScopes.includes(scope))
  if (denied === undefined) return
  throw new OAuthError(400, 'invalid_scope', `"${denied}" is not in the identity's allowed_scopes`)
}

function timely(claims: Claims, nowMs: number): boolean {
  const seconds = nowMs / 1000
  const { exp, nbf, iat } = claims
  if (typeof exp === 'number' && seconds >= exp) return false
  if (typeof nbf === 'number' && Math.floor(seconds) < nbf) return false
  return !(typeof iat === 'number' && Math.floor(seconds) < iat)
}

const copied = [
  'act',
  'cnf',
  'delegation_depth',
  'exp',
  'external_id',
  'iat',
  'identity_type',
  'iss',
  'jti',
  'principal_type',
  'sub',
  'trust_level',
]

function answer({ claims, credential }: ActiveToken): Claims {
  const kept = copied.filter((name) => claims[name] !== undefined)
  return {
    ...Object.fromEntries(kept.map((name) => [name, claims[name]])),
    active: true,
    account_id: credential.account,
    project_id: credential.project,
    scope: credential.scopes.join(' '),
  }
}
