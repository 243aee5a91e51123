import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { z } from 'zod'
import type { AdminAuth } from './admin-auth.ts'
import type { Core } from './core.ts'
import { parseBody, parseQuery } from './parse.ts'
import { sendJson, sendProblem, sendResource } from './reply.ts'
import type { Router } from './router.ts'

const signalTypes = [
  'credential_change',
  'session_revoked',
  'ip_change',
  'anomalous_behavior',
  'policy_violation',
  'retirement',
  'identity_expired',
  'owner_change',
  'policy_drift',
]

const ingestBody = z.object({
  identity_id: z.string().default(''),
  signal_type: z.string().min(1),
  severity: z.enum(['low', 'medium', 'high', 'critical']).default('low'),
  source: z.string().min(1),
  payload: z.record(z.string(), z.unknown()).optional(),
  mission_id: z.string().optional(),
})

const listQuery = z.object({ limit: z.number().int().min(1).max(500).default(50) })

/** Adds the routes of signals below the admin prefix. */
export function addSignalRoutes(
  router: Router,
  { signals, streams, clock }: Core,
  auth: AdminAuth,
  prefix: string,
): void {
  router.on(
    'POST',
    `${prefix}/signals/ingest`,
    auth.guard(async (c) => {
      const body = await parseBody(c, ingestBody)
      if (!body.ok) return body.response
      const tenant = auth.tenant(c)
      if (tenant === undefined) return sendProblem(c, 401, 'missing tenant context')
      const { identity_id: identityId, signal_type: type, mission_id: missionId } = body.value
      if (!signalTypes.includes(type)) return sendProblem(c, 400, 'invalid signal_type')
      const { severity, source, payload } = body.value
      const input = { ...tenant, identityId, type, severity, source, payload, missionId }
      const { signal, settled } = signals.ingest(input)
      await settled
      return sendResource(c, 201, 'CAESignal', signal)
    }),
  )

  router.on(
    'GET',
    `${prefix}/signals`,
    auth.guard((c) => {
      const query = parseQuery(c, listQuery)
      if (!query.ok) return query.response
      const tenant = auth.tenant(c)
      if (tenant === undefined) return sendProblem(c, 401, 'missing tenant context')
      const page = signals.list(tenant, query.value.limit)
      return sendResource(c, 200, 'SignalListOutputBody', { signals: page, total: page.length })
    }),
  )

  router.on(
    'GET',
    `${prefix}/signals/stream`,
    auth.guard((c) => {
      const tenant = auth.tenant(c)
      if (tenant === undefined) return sendJson(c, 400, missingTenant(clock.now()))
      streams.add(tenant, c.env.outgoing)
      return RESPONSE_ALREADY_SENT
    }),
  )
}

function missingTenant(nowMs: number): object {
  return {
    error: {
      code: 400,
      internalCode: 'ZEROID-40001',
      message: 'missing X-Account-ID or X-Project-ID header',
      status: 'Bad Request',
      timestamp: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
    },
  }
}
