import { z } from 'zod'
import type { AdminAuth } from './admin-auth.ts'
import type { Core } from './core.ts'
import { parseBody, parseQuery } from './parse.ts'
import { conflict, identityOf, page, pageOf, registration, toRegistration } from './registration.ts'
import { sendProblem, sendResource } from './reply.ts'
import type { Router } from './router.ts'
import { clientView, fresh, identityView, stored } from './views.ts'

const clientBody = z.object({
  client_id: z.string().min(1),
  name: z.string().min(1),
  confidential: z.boolean().default(false),
  grant_types: z.array(z.string()).default([]),
  scopes: z.array(z.string()).default([]),
})

/** Adds the routes of identities and OAuth clients below the admin prefix. */
export function addIdentityRoutes(
  router: Router,
  core: Core,
  auth: AdminAuth,
  prefix: string,
): void {
  const { store, clock } = core

  router.on('POST', `${prefix}/identities`, async (c) => {
    const body = await parseBody(c, registration)
    if (!body.ok) return body.response
    return auth.guardTenant((_, tenant) => {
      const identity = store.register(toRegistration(tenant, body.value))
      if (identity === undefined) return conflict(c)
      return sendResource(c, 201, 'Identity', identityView(identity, fresh))
    })(c)
  })

  router.on(
    'GET',
    `${prefix}/identities`,
    auth.guardTenant((c, tenant) => {
      // The real server takes `external_id` and filters by nothing; so does this.
      const query = parseQuery(c, page)
      if (!query.ok) return query.response
      const { rows, ...counts } = pageOf(store.identities(tenant), query.value)
      const identities = rows.map((identity) => identityView(identity, stored))
      return sendResource(c, 200, 'IdentityListOutputBody', { identities, ...counts })
    }),
  )

  router.on(
    'GET',
    `${prefix}/identities/:id`,
    auth.guardTenant((c, tenant) => {
      const identity = identityOf(c, core, tenant)
      if (identity === undefined) return sendProblem(c, 404, 'identity not found')
      return sendResource(c, 200, 'Identity', identityView(identity, stored))
    }),
  )

  router.on('POST', `${prefix}/oauth/clients`, async (c) => {
    const body = await parseBody(c, clientBody)
    if (!body.ok) return body.response
    return auth.guardTenant((_, tenant) => {
      const { client_id: clientId, grant_types: grantTypes, ...rest } = body.value
      const client = store.addClient(tenant, { clientId, grantTypes, ...rest })
      const view = clientView(client, clock.stamp())
      const note = 'Save client_secret now — it will not be shown again.'
      const secret = client.confidential ? { client_secret: client.secret, note } : {}
      return sendResource(c, 201, 'OAuthClientCreatedOutputBody', { client: view, ...secret })
    })(c)
  })
}
