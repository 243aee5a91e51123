import { type Ctx, sendProblem } from './reply.ts'
import type { Handler } from './router.ts'
import type { Tokens } from './tokens.ts'
import type { Tenant } from './types.ts'

/** Serves a request of a tenant. */
export type TenantHandler = (c: Ctx, tenant: Tenant) => Response | Promise<Response>

/** The guards of the admin API. */
export interface AdminAuth {
  /** Lets only administrators pass; everyone, when the emulator has no admin token. */
  guard(handler: Handler): Handler
  /** The tenant the headers name; undefined when one of them is missing. */
  tenant(c: Ctx): Tenant | undefined
  /** Like `guard`, and answers 401 when the tenant headers are missing. */
  guardTenant(handler: TenantHandler): Handler
}

const adminScope = 'nhi:manage'

/**
 * Makes the guards.
 *
 * @param adminToken a bearer token that may do everything; undefined opens the admin API
 */
export function createAdminAuth(adminToken: string | undefined, tokens: Tokens): AdminAuth {
  function tenant(c: Ctx): Tenant | undefined {
    const account = c.req.header('x-account-id') ?? ''
    const project = c.req.header('x-project-id') ?? ''
    return account === '' || project === '' ? undefined : { account, project }
  }

  function isAdmin(c: Ctx): boolean {
    if (adminToken === undefined) return true
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (bearer === undefined) return false
    if (bearer === adminToken) return true
    const credential = tokens.inspect(bearer)?.credential
    const asked = tenant(c)
    return (
      credential?.scopes.includes(adminScope) === true &&
      credential.account === asked?.account &&
      credential.project === asked.project
    )
  }

  function guard(handler: Handler): Handler {
    return (c) =>
      isAdmin(c) ? handler(c) : sendProblem(c, 401, 'missing or invalid admin credentials')
  }

  return {
    guard,
    tenant,
    guardTenant: (handler) =>
      guard((c) => {
        const found = tenant(c)
        return found === undefined
          ? sendProblem(c, 401, 'missing tenant context')
          : handler(c, found)
      }),
  }
}
