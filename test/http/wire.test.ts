import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createFakeClock } from '../helpers/clock.ts'
import { openDoor } from '../helpers/stack.ts'

interface Exchange {
  readonly name: string
  readonly request: { method: string; path: string; headers: Record<string, string>; body: unknown }
  readonly response: { status: number; headers: Record<string, string>; body: unknown }
}

const exchanges: Exchange[] = JSON.parse(
  readFileSync(new URL('../wire/exchanges.json', import.meta.url), 'utf8'),
)
const recorded = (name: string): Exchange => exchanges.find((entry) => entry.name === name)!
const verifications = exchanges.filter(
  ({ name, request }) => name.startsWith('verify') && request.method !== 'POST',
)
/** Revoked at the server when the exchange was recorded; nothing in the token says so. */
const inactive = exchanges
  .filter(({ name, response }) => name.startsWith('verify') && response.status === 401)
  .map(({ request }) => request.headers.Authorization?.replace('Bearer ', ''))
const compared = [
  'www-authenticate',
  'content-type',
  'content-length',
  'allow',
  'x-content-type-options',
  'x-forwarded-user',
  'x-zeroid-account-id',
  'x-zeroid-project-id',
  'x-zeroid-identity-type',
  'x-zeroid-trust-level',
  'x-zeroid-external-id',
  'x-zeroid-act-sub',
]

/** Serves the recorded keys and metadata at the recorded time, and says what the server knew. */
async function replayServer(clock: () => number, dead: () => ReadonlySet<string>): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('Date', new Date(clock()).toUTCString())
    response.setHeader('Content-Type', 'application/json')
    if (request.url === '/.well-known/jwks.json') {
      response.end(JSON.stringify(recorded('jwks').response.body))
    } else if (request.url === '/.well-known/oauth-authorization-server') {
      response.end(JSON.stringify(recorded('authorization server metadata').response.body))
    } else {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        const token = new URLSearchParams(body).get('token') ?? ''
        response.end(JSON.stringify({ active: !dead().has(token) }))
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address() as { port: number }
  return `http://127.0.0.1:${address.port}`
}

/** When the exchange was recorded: DPoP and proof tokens came later than the rest. */
function timeOf(name: string): string {
  if (name.includes('DPoP')) return '2026-11-22T05:11:20Z'
  return name.includes('proof') ? '2026-11-22T06:12:30Z' : '2026-11-22T05:09:52Z'
}

describe('what the real server answered', () => {
  for (const [place, { name, request, response }] of verifications.entries()) {
    const expected =
      name === 'verify: lower-case scheme' ? recorded('verify: api_key token') : { response }

    test(`${place}: ${name}`, async () => {
      const clock = createFakeClock(Date.parse(timeOf(name)))
      const token = request.headers.Authorization?.split(' ')[1] ?? ''
      // A token that the server refused only later was active at this point of the recording.
      const dead = new Set(
        expected.response.status === 401 && inactive.includes(token) ? [token] : [],
      )
      const url = await replayServer(clock.now, () => dead)
      // The server's own endpoint ignores the binding; the gate does so where it is told to.
      const dpop = !name.includes('DPoP')
      const { verify, url: door } = await openDoor({ url, clock, signals: false, dpop })
      const answer =
        request.method === 'GET'
          ? await verify(request.headers)
          : await fetch(door + request.path, { method: request.method, headers: request.headers })

      expect(answer.status).toBe(expected.response.status)
      const seen = Object.fromEntries(
        compared.map((header) => [header, answer.headers.get(header)]),
      )
      const wanted = Object.fromEntries(
        compared.map((header) => [header, expected.response.headers[header] ?? null]),
      )
      // The server leaves the length of its 405 out; without one the connection could not be kept.
      if (answer.status === 405) {
        delete seen['content-length']
        delete wanted['content-length']
      }
      expect(seen).toEqual(wanted)
      if (request.method === 'GET') expect(await answer.json()).toEqual(expected.response.body)
    })
  }
})
