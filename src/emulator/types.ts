/** The two claim shapes a tenant can be served: see `claims.ts`. */
export type Profile = 'legacy' | 'rfc8693'

/** Whose authority a token carries, under the rfc8693 profile. */
export type PrincipalType = 'user' | 'workload' | 'unknown'

/** The owner of identities, credentials and signals. Either part may hold a colon. */
export interface Tenant {
  account: string
  project: string
}

/** An instant: epoch milliseconds, and the nanoseconds (0 to 999 999) within that millisecond. */
export interface Stamp {
  ms: number
  ns: number
}

/** A registered agent, application, service or MCP server. */
export interface Identity extends Tenant {
  id: string
  externalId: string
  name: string
  wimseUri: string
  identityType: string
  subType: string
  trustLevel: string
  status: 'active' | 'deactivated'
  owner: string
  createdBy: string
  policyId: string
  allowedScopes: string[]
  publicKeyPem: string
  framework: string
  version: string
  publisher: string
  description: string
  capabilities: unknown[]
  labels: Record<string, unknown>
  metadata: Record<string, unknown>
  /** Epoch milliseconds after which no token is issued. */
  expiresAt?: number
  createdAt: Stamp
  updatedAt: Stamp
}

/** What is needed to register an identity. */
export interface Registration extends Tenant {
  externalId: string
  name: string
  identityType?: string | undefined
  subType?: string | undefined
  trustLevel?: string | undefined
  owner?: string | undefined
  createdBy?: string | undefined
  allowedScopes?: string[] | undefined
  publicKeyPem?: string | undefined
  framework?: string | undefined
  version?: string | undefined
  publisher?: string | undefined
  description?: string | undefined
  capabilities?: unknown[] | undefined
  labels?: Record<string, unknown> | undefined
  metadata?: Record<string, unknown> | undefined
  expiresAt?: number | undefined
}

/** Whose authority a delegation chain uses: fixed for the life of the chain. */
export interface Principal {
  sub: string
  type: PrincipalType
}

/** The server's record of an issued token. */
export interface Credential extends Tenant {
  jti: string
  identityId: string
  /** Expiry in epoch seconds. */
  exp: number
  scopes: string[]
  depth: number
  missionId: string
  /** The credential it was delegated from. */
  parent?: string
  principal: Principal
  /** The `sub` of every actor, the current one first (rfc8693 only). */
  actors: string[]
  profile: Profile
  revoked: boolean
}

/** A continuous access evaluation event, as the stream and the ingest answer carry it. */
export interface Signal {
  id: string
  account_id: string
  project_id: string
  identity_id: string
  mission_id?: string
  signal_type: string
  severity: string
  source: string
  payload?: Record<string, unknown>
  created_at: string
}

/** A decoded token payload. */
export type Claims = Record<string, unknown>
