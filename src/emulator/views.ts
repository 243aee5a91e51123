import { formatStamp } from './clock.ts'
import type { Client } from './store.ts'
import type { Identity, Stamp } from './types.ts'

/** How a row's times are written: nanoseconds when fresh, microseconds once read back. */
export interface Freshness {
  created: 6 | 9
  updated: 6 | 9
}

/** A row that was just made. */
export const fresh: Freshness = { created: 9, updated: 9 }
/** A row that was just changed. */
export const changed: Freshness = { created: 6, updated: 9 }
/** A row that was read. */
export const stored: Freshness = { created: 6, updated: 6 }

/** An identity as `/identities` shows it. */
export function identityView(identity: Identity, { created, updated }: Freshness): object {
  return {
    id: identity.id,
    account_id: identity.account,
    project_id: identity.project,
    external_id: identity.externalId,
    name: identity.name,
    wimse_uri: identity.wimseUri,
    identity_type: identity.identityType,
    sub_type: identity.subType,
    trust_level: identity.trustLevel,
    status: identity.status,
    origin: 'native',
    owner_user_id: identity.owner,
    credential_policy_id: identity.policyId,
    allowed_scopes: identity.allowedScopes,
    ...(identity.publicKeyPem === '' ? {} : { public_key_pem: identity.publicKeyPem }),
    capabilities: identity.capabilities,
    labels: identity.labels,
    metadata: identity.metadata,
    ...(identity.createdBy === '' ? {} : { created_by: identity.createdBy }),
    ...expiry(identity),
    created_at: formatStamp(identity.createdAt, created),
    updated_at: formatStamp(identity.updatedAt, updated),
  }
}

/** An identity as `/agents` shows it. */
export function agentView(
  identity: Identity,
  apiKeyPrefix: string,
  { created, updated }: Freshness,
): object {
  return {
    id: identity.id,
    account_id: identity.account,
    project_id: identity.project,
    name: identity.name,
    external_id: identity.externalId,
    wimse_uri: identity.wimseUri,
    api_key_prefix: apiKeyPrefix,
    identity_type: identity.identityType,
    sub_type: identity.subType,
    trust_level: identity.trustLevel,
    status: identity.status,
    origin: 'native',
    owner_user_id: identity.owner,
    credential_policy_id: identity.policyId,
    framework: identity.framework,
    version: identity.version,
    publisher: identity.publisher,
    description: identity.description,
    capabilities: identity.capabilities,
    labels: identity.labels,
    metadata: identity.metadata,
    ...expiry(identity),
    created_at: formatStamp(identity.createdAt, created),
    created_by: identity.createdBy,
    updated_at: formatStamp(identity.updatedAt, updated),
    delegation_depth: 0,
  }
}

/** A client that was just registered. */
export function clientView(client: Client, madeAt: Stamp): object {
  const at = formatStamp(madeAt, 9)
  return {
    id: client.id,
    client_id: client.clientId,
    name: client.name,
    client_type: client.confidential ? 'confidential' : 'public',
    token_endpoint_auth_method: client.confidential ? 'client_secret_basic' : 'none',
    grant_types: client.grantTypes,
    redirect_uris: [],
    scopes: client.scopes,
    backchannel_token_delivery_mode: 'poll',
    registration_source: 'internal',
    is_active: true,
    created_at: at,
    updated_at: at,
  }
}

function expiry({ expiresAt }: Identity): object {
  if (expiresAt === undefined) return {}
  return { expires_at: formatStamp({ ms: expiresAt, ns: 0 }, 6) }
}
