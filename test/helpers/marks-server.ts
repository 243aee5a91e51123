import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startEmulator } from '../../src/emulator/index.ts'

/**
 * A ZeroID server with more agents than anybody would register for a test: their identities,
 * signals and streams are made up here, everything else is answered by an emulator.
 */

interface Row {
  readonly id: string
  readonly identity_id: string
  readonly [member: string]: unknown
}

const perTenant = 10_000
const accounts = Array.from({ length: Number(process.argv[2]) }, (_, i) => `acct-${i}`)
const [account = ''] = accounts
const zeroid = await startEmulator()
const agent = await zeroid.agent({ account })
const iat = Math.floor(Date.now() / 1000) - 60
const victim = await zeroid.mint({ agent, iat })
const bystander = await zeroid.mint({ agent: await zeroid.agent({ account }), iat })

const rows = new Map<string, Row[]>(accounts.map((name) => [name, []]))
const streams = new Map<string, ServerResponse>()
const uuid = (serial: number): string =>
  `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`

const server = createServer((incoming, outgoing) => {
  const path = incoming.url ?? ''
  const tenant = String(incoming.headers['x-account-id'])
  const identity = /^\/api\/v1\/identities\/(.+)$/.exec(path)?.[1]
  if (identity !== undefined) return sendJson(outgoing, { wimse_uri: wimseUri(identity) })
  if (path === '/api/v1/signals/stream') return openStream(tenant, outgoing)
  if (path.startsWith('/api/v1/signals?limit=')) return sendList(tenant, path, outgoing)
  return forward(incoming, outgoing)
})

function wimseUri(identity: string): string {
  return identity === agent.id ? agent.wimseUri : `spiffe://example.org/agent/${identity}`
}

function openStream(tenant: string, outgoing: ServerResponse): void {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
  outgoing.write('event: connected\ndata: {}\n\n')
  streams.set(tenant, outgoing)
}

function sendList(tenant: string, path: string, outgoing: ServerResponse): void {
  const limit = Number(path.split('=')[1])
  const signals = (rows.get(tenant) ?? []).slice(-limit).reverse()
  sendJson(outgoing, { signals, total: signals.length })
}

function sendJson(outgoing: ServerResponse, body: object): void {
  outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, headers, url } = incoming
  const onward = request(zeroid.url + url, { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  onward.on('error', () => outgoing.destroy())
  incoming.pipe(onward)
}

/** One critical signal on each agent of a tenant, as fast as the gate takes them. */
async function revokeAll(tenant: string, first: number): Promise<void> {
  const stream = streams.get(tenant)
  for (let sent = 0; sent < perTenant; sent++) {
    // The only one of them that anybody has a token of is in the midst.
    const real = tenant === account && sent === perTenant / 2
    const row = real ? { ...(await zeroid.signal({ agent })) } : madeUp(tenant, first + sent)
    rows.get(tenant)?.push(row)
    const frame = `event: signal\ndata: ${JSON.stringify(row)}\n\n`
    if (stream?.write(frame) === false) {
      await new Promise((resolve) => stream.once('drain', resolve))
    }
  }
}

function madeUp(tenant: string, serial: number): Row {
  return {
    id: uuid(1_000_000 + serial),
    account_id: tenant,
    project_id: 'proj-demo',
    identity_id: uuid(serial),
    signal_type: 'anomalous_behavior',
    severity: 'critical',
    source: 'test',
    created_at: new Date().toISOString(),
  }
}

process.on('message', async () => {
  await Promise.all(accounts.map((tenant, i) => revokeAll(tenant, i * perTenant)))
  process.send?.('sent')
})
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.send?.({ url: `http://127.0.0.1:${port}`, accounts, victim, bystander })
})
