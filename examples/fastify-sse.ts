import fastify from 'fastify'
import { identityOf, zeroid } from 'zeroid-gate/fastify'

const app = fastify()
app.register(zeroid({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' }))

// A stream that ends within milliseconds when its agent is revoked.
app.get('/events', (request, reply) => {
  const { signal, subject } = identityOf(request)
  reply.hijack()
  reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  reply.raw.write(`event: hello\ndata: ${JSON.stringify({ subject })}\n\n`)

  const ticks = setInterval(() => reply.raw.write(`data: ${Date.now()}\n\n`), 1_000)
  reply.raw.on('close', () => clearInterval(ticks))

  const end = (): void => {
    reply.raw.end(`event: revoked\ndata: ${JSON.stringify(signal.reason.code)}\n\n`)
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end)
})

console.log(
  `listening on ${await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })}`,
)
process.once('SIGTERM', () => app.close())
