import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { GateStatus } from '../gate/status.ts'

/** Renders the metrics: the media type and the text. */
export interface MetricsSource {
  readonly contentType: string
  render(): Promise<string>
}

/**
 * `GET /health` (the process lives), `GET /ready` (verdicts can be given; else why not) and
 * `GET /metrics`. For operators and probes; never on the door.
 *
 * @param status what the gate knows, read at each request
 * @param metrics what `/metrics` shows
 * @returns a server that does not listen yet
 */
export function createAdmin(status: () => GateStatus, metrics: MetricsSource): Server {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.header('Cache-Control', 'no-store')
  })
  app.get('/health', (c) => c.json({ status: 'ok' }))
  app.get('/ready', (c) => {
    const now = status()
    const type = { 'Content-Type': 'application/json' }
    return c.body(JSON.stringify(now, whole), now.ready ? 200 : 503, type)
  })
  app.get('/metrics', async (c) =>
    c.body(await metrics.render(), 200, { 'Content-Type': metrics.contentType }),
  )
  return createAdaptorServer({ fetch: app.fetch }) as Server
}

/** Nobody reads parts of a millisecond. */
function whole(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value) : value
}
