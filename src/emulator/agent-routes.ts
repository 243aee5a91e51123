import type { AdminAuth } from './admin-auth.ts'
import type { Core } from './core.ts'
import { parseBody, parseQuery } from './parse.ts'
import { conflict, identityOf, page, pageOf, registration, toRegistration } from './registration.ts'
import { sendProblem, sendResource } from './reply.ts'
import type { Router } from './router.ts'
import type { Identity } from './types.ts'
import { agentView, changed, fresh, stored } from './views.ts'

/** Adds the routes of the agent registry below the admin prefix. */
export function addAgentRoutes(router: Router, core: Core, auth: AdminAuth, prefix: string): void {
  const { store, signals, clock } = core

  router.on('POST', `${prefix}/agents/register`, async (c) => {
    const body = await parseBody(c, registration)
    if (!body.ok) return body.response
    return auth.guardTenant((_, tenant) => {
      const { created_by: owner_user_id } = body.value
      const identity = store.register(toRegistration(tenant, { owner_user_id, ...body.value }))
      if (identity === undefined) return conflict(c)
      const { key, prefix: keyPrefix } = store.addApiKey(identity)
      const view = agentView(identity, keyPrefix, fresh)
      return sendResource(c, 201, 'AgentRegistrationResponse', { identity: view, api_key: key })
    })(c)
  })

  router.on(
    'GET',
    `${prefix}/agents/registry`,
    auth.guardTenant((c, tenant) => {
      const query = parseQuery(c, page)
      if (!query.ok) return query.response
      const { rows, ...counts } = pageOf(store.identities(tenant), query.value)
      const agents = rows.map((row) => agentView(row, store.apiKeyPrefix(row.id), stored))
      return sendResource(c, 200, 'AgentListResponse', { agents, ...counts })
    }),
  )

  function addAgentRoute(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    act: (identity: Identity) => void,
  ): void {
    const handler = auth.guardTenant((c, tenant) => {
      const identity = identityOf(c, core, tenant)
      if (identity === undefined) return sendProblem(c, 404, 'resource not found')
      act(identity)
      const view = agentView(
        identity,
        store.apiKeyPrefix(identity.id),
        method === 'GET' ? stored : changed,
      )
      return sendResource(c, 200, 'AgentResponse', view)
    })
    router.on(method, `${prefix}/agents/registry/:id${path}`, handler)
  }

  const retire = (identity: Identity): void => {
    signals.retire(identity, 'retirement', 'identity_deactivated')
  }
  addAgentRoute('GET', '', () => {})
  addAgentRoute('DELETE', '', retire)
  addAgentRoute('POST', '/deactivate', retire)
  addAgentRoute('POST', '/activate', (identity) => {
    identity.status = 'active'
    identity.updatedAt = clock.stamp()
  })
}
