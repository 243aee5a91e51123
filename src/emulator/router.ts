import { Hono } from 'hono'
import type { Clock } from './clock.ts'
import { type Ctx, type Env, send, sendJson, sendText } from './reply.ts'
import { randomText } from './store.ts'

/** Answers one request. */
export type Handler = (c: Ctx) => Response | Promise<Response>

/** Collects routes; other methods on their paths are 405, other paths 404, as chi has it. */
export interface Router {
  on(method: 'GET' | 'POST' | 'DELETE', path: string, handler: Handler): void
  /** Closes the table and gives the app that serves it. */
  seal(): Hono<Env>
}

/** Makes an empty router. */
export function createRouter(clock: Clock): Router {
  const app = new Hono<Env>()
  const methods = new Map<string, string[]>()
  const requestPrefix = `vm/${randomText(10)}-`
  let serial = 0

  app.use('*', async (c, next) => {
    const { method } = c.env.incoming
    if (method !== 'POST' || c.req.header('content-type') !== undefined) {
      await next()
      return
    }
    serial += 1
    const requestId = requestPrefix + String(serial).padStart(6, '0')
    return sendJson(c, 400, noContentType(requestId, clock.now()))
  })

  return {
    on(method, path, handler) {
      methods.set(path, [...(methods.get(path) ?? []), method])
      app.on(method, path, handler)
    },
    seal() {
      for (const [path, allowed] of methods) {
        app.all(path, (c) => send(c, 405, '', { allow: allowed.join(', ') }))
      }
      app.notFound((c) => sendText(c, 404, '404 page not found'))
      return app
    },
  }
}

function noContentType(requestId: string, nowMs: number): object {
  return {
    error: {
      code: 400,
      internalCode: 'ZEROID-40001',
      message: 'Content-Type header is required for POST requests',
      requestId,
      status: 'BAD_REQUEST',
      timestamp: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
    },
  }
}
