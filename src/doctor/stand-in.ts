import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { challenge } from '../http/challenge.ts'
import type { ListenAddress } from '../http/listen.ts'
import { listen } from '../http/listen.ts'
import type { DenyCode } from '../verdict.ts'
import { valuesOf } from './client.ts'
import { closeNow, createGateSide } from './gate-side.ts'
import type { GateSide } from './probe.ts'

/** A gate for the time of the probes: it knows one token, and says what it is told to say. */
export interface StandIn {
  readonly gate: GateSide
  readonly token: string
  close(): Promise<void>
}

/** Most is left out, as for many callers: what a client forges there must not show. */
const identity: readonly string[] = [
  'X-Forwarded-User',
  Buffer.from('spiffe://doctor.invalid/acct/proj/agent/döctor').toString('latin1'),
  'X-Zeroid-Account-ID',
  'acct-doctor',
  'X-Zeroid-Scopes',
  'doctor:read doctor:write',
]

/**
 * Listens in the gate's place and answers proxies as its door does.
 *
 * @param address where the proxy looks for the gate
 * @throws the system's error where it cannot listen there
 */
export async function startStandIn(address: ListenAddress): Promise<StandIn> {
  const token = `doctor-${randomBytes(24).toString('base64url')}`
  let retryAfter: number | undefined

  const door = createServer(
    { maxHeaderSize: 65_536, keepAliveTimeout: 75_000 },
    ({ url = '', rawHeaders }, response) => {
      const [path = ''] = url.split('?', 1)
      const relayed = path === '/ext-authz' || path.startsWith('/ext-authz/')
      if (!relayed && path !== '/oauth2/token/verify') refuse(response, 404, [], '', false)
      else if (retryAfter !== undefined) {
        const headers = ['Retry-After', String(retryAfter)]
        refuse(response, 503, headers, 'temporarily_unavailable', relayed)
      } else {
        const code = judge(rawHeaders, token)
        if (code === undefined) response.writeHead(200, [...identity, ...empty]).end()
        else
          refuse(response, 401, ['WWW-Authenticate', challenge({ code }, metadata)], code, relayed)
      }
    },
  )
  await listen(door, address)
  const bound = door.address()
  return {
    token,
    gate: createGateSide({
      door,
      address:
        typeof bound === 'object' && bound !== null
          ? { host: bound.address, port: bound.port }
          : address,
      verdict: async () => identity,
      pretend(seconds) {
        retryAfter = seconds
      },
    }),
    close: () => closeNow(door),
  }
}

const metadata = 'http://doctor.invalid/.well-known/oauth-protected-resource'
const empty = ['Cache-Control', 'no-store', 'Content-Length', '0']

function judge(rawHeaders: readonly string[], token: string): DenyCode | undefined {
  const [value, second] = valuesOf(rawHeaders, 'Authorization')
  if (value === undefined) return 'missing_token'
  if (second !== undefined) return 'invalid_request'
  return value === `Bearer ${token}` ? undefined : 'invalid_token'
}

function refuse(
  response: ServerResponse,
  status: number,
  headers: readonly string[],
  error: string,
  relayed: boolean,
): void {
  const problem = JSON.stringify({ error })
  if (relayed) {
    const type = ['Content-Type', 'application/json', 'Cache-Control', 'no-store']
    response.writeHead(status, [...headers, ...type]).end(problem)
  } else response.writeHead(status, [...headers, 'X-Zeroid-Problem', problem, ...empty]).end()
}
