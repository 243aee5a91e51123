import type { HttpBindings } from '@hono/node-server'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { requireScope, zeroid } from 'zeroid-gate/hono'

const auth = zeroid({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' })
const app = new Hono<{ Bindings: HttpBindings }>()

// Chained, so that `c.var.zeroid` is known to be there.
app.use(auth).get('/events', requireScope('data:read'), (c) => {
  const { signal, subject } = c.var.zeroid
  return streamSSE(c, async (stream) => {
    await stream.writeSSE({ event: 'hello', data: subject })
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve())
      stream.onAbort(resolve)
    })
    if (!signal.aborted) return
    // A reader that does not read is cut off without its last word.
    setTimeout(() => c.env.outgoing.destroy(), 500)
    await stream.writeSSE({ event: 'revoked', data: signal.reason.code })
  })
})

const port = Number(process.env.PORT ?? 3000)
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, ({ port: bound }) => {
  console.log(`listening on http://127.0.0.1:${bound}`)
})
process.once('SIGTERM', () => server.close() && auth.gate.close())
