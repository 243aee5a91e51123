import { formatStamp } from './clock.ts'
import type { Core } from './core.ts'
import { resourceMetadata, serverMetadata } from './metadata.ts'
import { sendJson, sendResource, sendSorted } from './reply.ts'
import type { Router } from './router.ts'

/** Adds the published documents and the probes. */
export function addWellKnownRoutes(router: Router, { keys, issuer, clock }: Core): void {
  const startedAt = clock.now()

  router.on('GET', '/.well-known/jwks.json', (c) => sendSorted(c, 200, keys.jwks()))
  router.on('GET', '/.well-known/oauth-authorization-server', (c) =>
    sendJson(c, 200, serverMetadata(issuer)),
  )
  router.on('GET', '/.well-known/oauth-protected-resource', (c) =>
    sendJson(c, 200, resourceMetadata(issuer)),
  )
  router.on('GET', '/health', (c) =>
    sendResource(c, 200, 'HealthOutputBody', {
      status: 'healthy',
      service: 'zeroid',
      timestamp: formatStamp(clock.stamp(), 9),
      uptime_ms: Math.max(0, clock.now() - startedAt),
    }),
  )
  router.on('GET', '/ready', (c) => sendResource(c, 200, 'ReadyOutputBody', { ready: true }))
}
