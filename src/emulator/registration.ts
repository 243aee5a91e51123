import { z } from 'zod'
import type { Core } from './core.ts'
import { type Ctx, sendProblem } from './reply.ts'
import type { Identity, Registration, Tenant } from './types.ts'

/** The body that registers an identity or an agent. */
export const registration: z.ZodType<RegistrationBody> = z.object({
  external_id: z.string().min(1),
  name: z.string().default(''),
  identity_type: z.enum(['agent', 'application', 'mcp_server', 'service']).optional(),
  sub_type: z.string().optional(),
  trust_level: z.enum(['unverified', 'verified_third_party', 'first_party']).optional(),
  owner_user_id: z.string().optional(),
  created_by: z.string().optional(),
  allowed_scopes: z.array(z.string()).optional(),
  public_key_pem: z.string().optional(),
  framework: z.string().optional(),
  version: z.string().optional(),
  publisher: z.string().optional(),
  description: z.string().optional(),
  capabilities: z.array(z.unknown()).optional(),
  labels: z.record(z.string(), z.unknown()).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  expires_at: z.iso.datetime({ offset: true }).optional(),
})

/** See {@link registration}. */
export interface RegistrationBody {
  external_id: string
  name: string
  identity_type?: string | undefined
  sub_type?: string | undefined
  trust_level?: string | undefined
  owner_user_id?: string | undefined
  created_by?: string | undefined
  allowed_scopes?: string[] | undefined
  public_key_pem?: string | undefined
  framework?: string | undefined
  version?: string | undefined
  publisher?: string | undefined
  description?: string | undefined
  capabilities?: unknown[] | undefined
  labels?: Record<string, unknown> | undefined
  metadata?: Record<string, unknown> | undefined
  expires_at?: string | undefined
}

/** The query of a list. */
export const page: z.ZodType<Page> = z.object({
  limit: z.number().int().default(20),
  offset: z.number().int().default(0),
})

/** See {@link page}. */
export interface Page {
  limit: number
  offset: number
}

/** The identity the path names, if it is one of the tenant. */
export function identityOf(c: Ctx, { store }: Core, tenant: Tenant): Identity | undefined {
  const identity = store.identity(c.req.param('id') ?? '')
  const same = identity?.account === tenant.account && identity.project === tenant.project
  return same ? identity : undefined
}

/** Answers that the tenant has an identity of this external id. */
export function conflict(c: Ctx): Response {
  return sendProblem(c, 409, 'identity with this external_id already exists')
}

/** Reads a registration body. */
export function toRegistration(tenant: Tenant, body: RegistrationBody): Registration {
  return {
    ...tenant,
    externalId: body.external_id,
    name: body.name,
    identityType: body.identity_type,
    subType: body.sub_type,
    trustLevel: body.trust_level,
    owner: body.owner_user_id,
    createdBy: body.created_by,
    allowedScopes: body.allowed_scopes,
    publicKeyPem: body.public_key_pem,
    framework: body.framework,
    version: body.version,
    publisher: body.publisher,
    description: body.description,
    capabilities: body.capabilities,
    labels: body.labels,
    metadata: body.metadata,
    expiresAt: body.expires_at === undefined ? undefined : Date.parse(body.expires_at),
  }
}

/** One page of identities, newest first. */
export interface PageOf {
  rows: Identity[]
  total: number
  limit: number
  offset: number
}

/** Cuts a page; a limit outside 1 to 100 counts as 20. */
export function pageOf(all: readonly Identity[], asked: Page): PageOf {
  const limit = asked.limit <= 0 || asked.limit > 100 ? 20 : asked.limit
  const offset = Math.max(0, asked.offset)
  const end = Math.max(0, all.length - offset)
  const rows = all.slice(Math.max(0, end - limit), end).reverse()
  return { rows, total: all.length, limit, offset }
}
