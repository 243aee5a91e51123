import { randomBytes, randomUUID } from 'node:crypto'
import type { StampClock } from './clock.ts'
import type { Identity, Registration, Tenant } from './types.ts'

/** A `zid_sk_…` key, which is exchanged for tokens of its identity. */
export interface ApiKey {
  key: string
  prefix: string
  identityId: string
  createdBy: string
  revoked: boolean
}

/** An OAuth client; it acts for the identity whose external id is its client id. */
export interface Client {
  id: string
  clientId: string
  name: string
  secret: string
  confidential: boolean
  grantTypes: string[]
  scopes: string[]
}

/** Identities, their API keys and OAuth clients, by tenant. */
export interface Store {
  /** Registers an identity. Undefined when the tenant has one of that external id. */
  register(registration: Registration): Identity | undefined
  identity(id: string): Identity | undefined
  byExternalId(tenant: Tenant, externalId: string): Identity | undefined
  byWimseUri(uri: string): Identity | undefined
  /** The tenant's identities, oldest first. */
  identities(tenant: Tenant): readonly Identity[]
  addApiKey(identity: Identity): ApiKey
  apiKey(key: string): ApiKey | undefined
  /** The prefix of the identity's usable key, or an empty string. */
  apiKeyPrefix(identityId: string): string
  revokeApiKeys(identityId: string): void
  addClient(tenant: Tenant, client: Omit<Client, 'id' | 'secret'>): Client
  client(tenant: Tenant, clientId: string): Client | undefined
  /** Whether some confidential client has this id and secret. */
  hasClient(clientId: string, secret: string): boolean
}

/** A key for maps by tenant, free of clashes whatever the ids hold. */
export function tenantKey({ account, project }: Tenant): string {
  return JSON.stringify([account, project])
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** A random string of letters and digits. */
export function randomText(length: number): string {
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join('')
}

/** Makes an empty store. */
export function createStore(clock: StampClock): Store {
  const identities = new Map<string, Identity>()
  const byUri = new Map<string, Identity>()
  const byExternal = new Map<string, Identity>()
  const byTenant = new Map<string, Identity[]>()
  const policies = new Map<string, string>()
  const apiKeys = new Map<string, ApiKey>()
  const keysOf = new Map<string, ApiKey[]>()
  const clients = new Map<string, Client>()
  const externalKey = (tenant: Tenant, id: string): string => `${tenantKey(tenant)}${id}`

  function policyOf(tenant: Tenant): string {
    const known = policies.get(tenantKey(tenant))
    if (known !== undefined) return known
    const made = randomUUID()
    policies.set(tenantKey(tenant), made)
    return made
  }

  return {
    register(registration) {
      const external = externalKey(registration, registration.externalId)
      if (byExternal.has(external)) return undefined
      const identity = makeIdentity(registration, policyOf(registration), clock)
      identities.set(identity.id, identity)
      byUri.set(identity.wimseUri, identity)
      byExternal.set(external, identity)
      const list = byTenant.get(tenantKey(identity)) ?? []
      byTenant.set(tenantKey(identity), list)
      list.push(identity)
      return identity
    },
    identity: (id) => identities.get(id),
    byExternalId: (tenant, id) => byExternal.get(externalKey(tenant, id)),
    byWimseUri: (uri) => byUri.get(uri),
    identities: (tenant) => byTenant.get(tenantKey(tenant)) ?? [],
    addApiKey({ id, createdBy }) {
      const key = `zid_sk_${randomText(32)}`
      const made = { key, prefix: key.slice(0, 16), identityId: id, createdBy, revoked: false }
      apiKeys.set(key, made)
      keysOf.set(id, [...(keysOf.get(id) ?? []), made])
      return made
    },
    apiKey: (key) => apiKeys.get(key),
    apiKeyPrefix: (id) => keysOf.get(id)?.find(({ revoked }) => !revoked)?.prefix ?? '',
    revokeApiKeys(id) {
      for (const key of keysOf.get(id) ?? []) key.revoked = true
    },
    addClient(tenant, client) {
      const made = { ...client, id: randomUUID(), secret: randomBytes(32).toString('hex') }
      clients.set(externalKey(tenant, client.clientId), made)
      return made
    },
    client: (tenant, clientId) => clients.get(externalKey(tenant, clientId)),
    hasClient: (clientId, secret) =>
      [...clients.values()].some(
        (client) => client.confidential && client.clientId === clientId && client.secret === secret,
      ),
  }
}

function makeIdentity(from: Registration, policyId: string, clock: StampClock): Identity {
  const identityType = from.identityType ?? 'agent'
  const createdAt = clock.stamp()
  const path = `${from.account}/${from.project}/${identityType}/${from.externalId}`
  return {
    id: randomUUID(),
    account: from.account,
    project: from.project,
    externalId: from.externalId,
    name: from.name,
    wimseUri: `spiffe://highflame.ai/${path}`,
    identityType,
    subType: from.subType ?? '',
    trustLevel: from.trustLevel ?? 'unverified',
    status: 'active',
    owner: from.owner ?? '',
    createdBy: from.createdBy ?? '',
    policyId,
    allowedScopes: from.allowedScopes ?? [],
    publicKeyPem: from.publicKeyPem ?? '',
    framework: from.framework ?? '',
    version: from.version ?? '',
    publisher: from.publisher ?? '',
    description: from.description ?? '',
    capabilities: from.capabilities ?? [],
    labels: from.labels ?? {},
    metadata: from.metadata ?? {},
    ...(from.expiresAt === undefined ? {} : { expiresAt: from.expiresAt }),
    createdAt,
    updatedAt: { ms: createdAt.ms, ns: Math.min(createdAt.ns + 50, 999_999) },
  }
}
