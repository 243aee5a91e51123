import fastify from 'fastify'
import { identityOf, zeroid } from 'zeroid-gate/fastify'

const app = fastify()
app.register(zeroid({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' }))

// A stream that ends within milliseconds when its agent is revoked.
app.get('/events', (request, reply) => {
  const { signal, subject } = identityOf(request)
  const { raw } = reply.hijack()
  raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  raw.write(`event: hello\ndata: ${JSON.stringify({ subject })}\n\n`)

  // Nothing is kept for a reader that does not read.
  const tick = (): unknown => raw.writableNeedDrain || raw.write(`data: ${Date.now()}\n\n`)
  const ticks = setInterval(tick, 1_000)
  raw.on('close', () => clearInterval(ticks))

  const end = (): void => {
    clearInterval(ticks)
    raw.end(`event: revoked\ndata: ${JSON.stringify(signal.reason.code)}\n\n`)
    // It need not read its last word either.
    setTimeout(() => raw.destroy(), 500)
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end)
})

console.log(
  `listening on ${await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })}`,
)
process.once('SIGTERM', () => app.close())
