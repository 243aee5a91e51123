import { z } from 'zod'
import type { ExchangeToken } from './exchange.ts'
import { OAuthError } from './oauth-error.ts'
import type { Store } from './store.ts'
import type { Issued, Tokens } from './tokens.ts'
import type { Identity, Profile } from './types.ts'

/** The body of a token request, JSON or form. */
export const tokenRequest: z.ZodType<TokenRequest> = z.object({
  grant_type: z.string(),
  scope: z.string().optional(),
  account_id: z.string().optional(),
  project_id: z.string().optional(),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  api_key: z.string().optional(),
  subject_token: z.string().optional(),
  actor_token: z.string().optional(),
})

/** See {@link tokenRequest}. */
export interface TokenRequest {
  grant_type: string
  scope?: string | undefined
  account_id?: string | undefined
  project_id?: string | undefined
  client_id?: string | undefined
  client_secret?: string | undefined
  api_key?: string | undefined
  subject_token?: string | undefined
  actor_token?: string | undefined
}

/** An RFC 6749 §5.1 answer. */
export type TokenAnswer = Record<string, unknown>

/** Serves a token request. Throws OAuthError when it is refused. */
export type Grant = (request: TokenRequest, jkt: string | undefined) => TokenAnswer

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Makes the token endpoint's grants. Tokens take the emulator's `profile`. */
export function createGrants(
  store: Store,
  tokens: Tokens,
  exchange: ExchangeToken,
  profile: Profile,
): Grant {
  function apiKey(request: TokenRequest, jkt: string | undefined): TokenAnswer {
    const key = store.apiKey(request.api_key ?? '')
    const identity = key === undefined ? undefined : store.identity(key.identityId)
    if (key === undefined || key.revoked || identity === undefined) {
      throw new OAuthError(400, 'invalid_grant', 'invalid api key')
    }
    const scopes = withinScopes(splitScopes(request.scope), identity.allowedScopes)
    const issued = tokens.issue({
      identity,
      grant: 'api_key',
      scopes,
      profile,
      principal: { sub: identity.wimseUri, type: 'workload' },
      legacyActor: key.createdBy,
      jkt,
    })
    return {
      ...answer(issued, jkt),
      account_id: identity.account,
      project_id: identity.project,
      external_id: identity.externalId,
      ...(key.createdBy === '' ? {} : { user_id: key.createdBy }),
    }
  }

  function findClient(request: TokenRequest): { identity: Identity; scopes: string[] } {
    const tenant = { account: request.account_id ?? '', project: request.project_id ?? '' }
    const clientId = request.client_id ?? ''
    const client = store.client(tenant, clientId)
    if (client === undefined || client.secret !== request.client_secret) {
      throw new OAuthError(401, 'invalid_client', 'invalid client credentials')
    }
    if (!client.grantTypes.includes('client_credentials')) {
      const reason = 'client not authorized for client_credentials grant'
      throw new OAuthError(400, 'unauthorized_client', reason)
    }
    const identity = store.byExternalId(tenant, clientId)
    if (identity === undefined) {
      throw new OAuthError(401, 'invalid_client', `no identity found for client_id ${clientId}`)
    }
    if (identity.status !== 'active') {
      throw new OAuthError(400, 'invalid_grant', 'identity is suspended or deactivated')
    }
    return { identity, scopes: withinScopes(splitScopes(request.scope), client.scopes) }
  }

  return (request, jkt) => {
    switch (request.grant_type) {
      case 'api_key':
        return apiKey(request, jkt)
      case 'client_credentials': {
        const { identity, scopes } = findClient(request)
        const principal = { sub: identity.wimseUri, type: 'workload' } as const
        const grant = 'client_credentials'
        return answer(tokens.issue({ identity, grant, scopes, profile, principal, jkt }), jkt)
      }
      case exchangeGrant: {
        const { subject_token: subjectToken, actor_token: actorToken } = request
        if (subjectToken === undefined || actorToken === undefined) {
          const reason = 'subject_token and actor_token are required for token_exchange grant'
          throw new OAuthError(400, 'invalid_request', reason)
        }
        const scopes = splitScopes(request.scope)
        return answer(exchange({ subjectToken, actorToken, scopes, jkt }), jkt)
      }
      default:
        throw new OAuthError(
          400,
          'unsupported_grant_type',
          `unsupported grant_type: ${request.grant_type}`,
        )
    }
  }
}

function answer({ token, ttl, iat, credential }: Issued, jkt: string | undefined): TokenAnswer {
  return {
    access_token: token,
    token_type: jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: ttl,
    scope: credential.scopes.join(' '),
    jti: credential.jti,
    iat,
  }
}

function splitScopes(scope: string | undefined): string[] {
  return (scope ?? '').split(/\s+/).filter((part) => part !== '')
}

/** RFC 6749 §3.3: no request means all that is allowed; no limit means all that is asked. */
function withinScopes(requested: string[], allowed: string[]): string[] {
  if (allowed.length === 0) return requested
  if (requested.length === 0) return allowed
  return requested.filter((scope) => allowed.includes(scope))
}
