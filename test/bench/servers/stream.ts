import fastify from 'fastify'
import { importBuilt } from '../built.ts'
import { serveCalls } from './calls.ts'

/**
 * An app whose one answer stays open, as `examples/fastify-sse.ts` has it: it ticks until its client
 * leaves or its agent is revoked, and then says so as its last word.
 */

interface Settings {
  /** Base URL of the ZeroID server. */
  readonly zeroid: string
}

type FastifyAdapter = typeof import('../../../src/adapters/fastify.ts')

const { zeroid: url } = JSON.parse(process.argv[2] ?? '') as Settings
const { zeroid, identityOf } = await importBuilt<FastifyAdapter>('adapters/fastify.js')
const tenants = [{ accountId: 'acct-demo', projectId: 'proj-demo' }]
const app = fastify()
const auth = zeroid({ url, tenants, maxStaleness: 600_000 })
app.register(auth)

app.get('/events', (request, reply) => {
  const { signal, subject } = identityOf(request)
  const { raw } = reply.hijack()
  raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  raw.write(`event: hello\ndata: ${JSON.stringify({ subject })}\n\n`)
  const tick = (): unknown => raw.writableNeedDrain || raw.write('event: tick\ndata:\n\n')
  const ticks = setInterval(tick, 250)
  raw.on('close', () => clearInterval(ticks))
  const end = (): void => {
    clearInterval(ticks)
    raw.end(`event: revoked\ndata: ${JSON.stringify(signal.reason.code)}\n\n`)
    setTimeout(() => raw.destroy(), 500)
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end)
})

await auth.gate.started
serveCalls({}, { url: await app.listen({ host: '127.0.0.1', port: 0 }) })
