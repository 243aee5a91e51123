import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import type { GateOptions } from '../../src/gate/options.ts'
import type { DoorOptions } from '../../src/http/door.ts'
import type { Verdict } from '../../src/verdict.ts'
import type { HostileServer } from './server.ts'
import { jwksPath, startServer } from './server.ts'
import type { OpenDoor } from './stack.ts'
import { bearer, openDoor } from './stack.ts'

/** A signing key in the test's own hands. */
export interface SigningKey {
  readonly kid: string
  readonly alg: 'ES256' | 'RS256'
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** As the server publishes it. */
  readonly jwk: Record<string, unknown>
}

export function createSigningKey(alg: 'ES256' | 'RS256', kid: string): SigningKey {
  const { privateKey, publicKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
  return { kid, alg, privateKey, publicKey, jwk }
}

const encode = (part: string | Uint8Array | object): string => {
  const bytes = typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part)
  return Buffer.from(bytes as string).toString('base64url')
}

/** Signs any bytes under any header: nothing is checked and nothing is added. */
export function seal(
  header: string | Uint8Array | object,
  payload: string | Uint8Array | object,
  key: SigningKey,
): string {
  const input = `${encode(header)}.${encode(payload)}`
  const signature = sign('sha256', Buffer.from(input), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}

/** The header that the server writes. */
export function headerOf(key: SigningKey): Record<string, unknown> {
  return { alg: key.alg, kid: key.kid, typ: 'JWT' }
}

/** Claims by name, each as JSON text; `undefined` leaves one out. */
export type RawClaims = Readonly<Record<string, string | undefined>>

/** The payload of a good token, with some claims replaced. */
export function payloadText(issuer: string, now: number, changed: RawClaims = {}): string {
  const seconds = Math.floor(now / 1000)
  const claims: RawClaims = {
    iss: JSON.stringify(issuer),
    aud: JSON.stringify([issuer]),
    sub: '"spiffe://zeroid.test/acct-demo/proj-demo/agent/one"',
    iat: String(seconds - 60),
    exp: String(seconds + 3600),
    jti: JSON.stringify(randomUUID()),
    account_id: '"acct-demo"',
    project_id: '"proj-demo"',
    grant_type: '"client_credentials"',
    identity_type: '"agent"',
    trust_level: '"first_party"',
    external_id: '"one"',
    scopes: '["data:read"]',
    ...changed,
  }
  const members = Object.entries(claims).filter(([, text]) => text !== undefined)
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
}

/** A gate and a door before a server whose keys the test holds. */
export interface Forge extends OpenDoor {
  readonly server: HostileServer
  readonly ec: SigningKey
  readonly rsa: SigningKey
  /** A payload for this server, as JSON text. */
  readonly payload: (changed?: RawClaims) => string
  /** A token that is good but for what was changed. */
  readonly token: (changed?: RawClaims) => string
  /** Asks the engine itself. */
  readonly check: (token: string) => Promise<Verdict>
}

/** Generating an RSA key costs a tenth of a second: one for each test file is enough. */
const ec = createSigningKey('ES256', 'ec-1')
const rsa = createSigningKey('RS256', 'rsa-1')

/**
 * Starts server, gate and door; all are closed when the test ends. The server calls every token
 * active, so that only the gate's own checks stand in the way of a 200.
 */
export async function startForge(
  options: Partial<GateOptions> = {},
  doorOptions: Partial<DoorOptions> = {},
): Promise<Forge> {
  const now = (): number => options.clock?.now() ?? Date.now()
  const server = await startServer(now)
  server.on(jwksPath, { keys: [ec.jwk, rsa.jwk] })
  const door = await openDoor({ url: server.url, signals: false, ...options }, doorOptions)
  const payload = (changed?: RawClaims): string => payloadText(server.url, now(), changed)
  return {
    ...door,
    server,
    ec,
    rsa,
    payload,
    token: (changed) => seal(headerOf(ec), payload(changed), ec),
    check: async (token) => await door.gate.check(bearer(token)),
  }
}

/** What a verdict comes to, for comparing: `allow`, or the reason and the detail. */
export function gist(verdict: Verdict): string {
  if (verdict.outcome === 'allow') return 'allow'
  const detail = verdict.outcome === 'deny' ? verdict.detail : undefined
  return detail === undefined ? verdict.reason : `${verdict.reason} ${detail}`
}
