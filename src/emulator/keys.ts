import { createPublicKey, generateKeyPair, type KeyObject, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { parseObject, sortedJson } from './json.ts'
import type { Claims } from './types.ts'

const generate = promisify(generateKeyPair)

/** ES256 (agent grants) or RS256 (the api_key grant). */
export type KeyKind = 'ec' | 'rsa'

/** A JSON Web Key Set. */
export interface Jwks {
  keys: Record<string, unknown>[]
}

interface SigningKey {
  kid: string
  alg: 'ES256' | 'RS256'
  privateKey: KeyObject
  publicKey: KeyObject
}

/** The server's signing keys. */
export interface Keys {
  /**
   * Signs a payload with the live key of a kind.
   *
   * @param payload the payload as it shall stand in the token
   * @param header members that replace or join `alg`, `kid` and `typ`
   * @returns a compact JWS
   */
  sign(payload: string, kind: KeyKind, header?: Record<string, unknown>): string
  /** The payload of a token signed by a published key; undefined for any other. */
  verify(token: string): Claims | undefined
  /** The published keys, the live ones first. */
  jwks(): Jwks
  /** Makes new live keys. The old ones stay published unless `drop`. */
  rotate(drop: boolean): Promise<void>
}

async function makeKey(kind: KeyKind, serial: number): Promise<SigningKey> {
  if (kind === 'ec') {
    const pair = await generate('ec', { namedCurve: 'P-256' })
    return { ...pair, kid: `zeroid-key-${serial}`, alg: 'ES256' }
  }
  const pair = await generate('rsa', { modulusLength: 2048 })
  return { ...pair, kid: `v${serial}`, alg: 'RS256' }
}

function published({ kid, alg, publicKey }: SigningKey): Record<string, unknown> {
  const jwk: Record<string, unknown> = { ...publicKey.export({ format: 'jwk' }) }
  return JSON.parse(sortedJson({ ...jwk, alg, kid, use: 'sig' }))
}

const encode = (value: string): string => Buffer.from(value).toString('base64url')

/** Makes the first pair of keys, `zeroid-key-1` (P-256) and `v1` (RSA 2048). */
export async function createKeys(): Promise<Keys> {
  let serial = 1
  let [ec, rsa] = await Promise.all([makeKey('ec', serial), makeKey('rsa', serial)])
  let retired: SigningKey[] = []

  return {
    sign(payload, kind, header = {}) {
      const key = kind === 'ec' ? ec : rsa
      const head = sortedJson({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
      const input = `${encode(head)}.${encode(payload)}`
      const signature = sign('sha256', Buffer.from(input), {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
      })
      return `${input}.${signature.toString('base64url')}`
    },
    verify(token) {
      const parts = readCompact(token)
      if (parts === undefined) return undefined
      const key = [ec, rsa, ...retired].find(({ kid }) => kid === parts.header.kid)
      if (key === undefined || key.alg !== parts.header.alg) return undefined
      return verifyWith(key.publicKey, parts) ? parts.claims : undefined
    },
    jwks: () => ({ keys: [ec, rsa, ...retired].map(published) }),
    async rotate(drop) {
      serial += 1
      const [nextEc, nextRsa] = await Promise.all([makeKey('ec', serial), makeKey('rsa', serial)])
      retired = drop ? [] : [ec, rsa, ...retired]
      ec = nextEc
      rsa = nextRsa
    },
  }
}

interface Compact {
  header: Record<string, unknown>
  claims: Claims
  input: string
  signature: Buffer
}

/** Splits and decodes a compact JWS without checking it. Undefined when it is not one. */
export function readCompact(token: string): Compact | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined
  const [head = '', payload = '', signature = ''] = token.split('.')
  const header = parseObject(Buffer.from(head, 'base64url').toString())
  const claims = parseObject(Buffer.from(payload, 'base64url').toString())
  if (header === undefined || claims === undefined) return undefined
  const input = `${head}.${payload}`
  return { header, claims, input, signature: Buffer.from(signature, 'base64url') }
}

/** Checks the signature of a compact JWS under a P-256 or RSA public key (SHA-256). */
export function verifyWith(key: KeyObject, { input, signature }: Compact): boolean {
  return verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, signature)
}

/** Reads a PEM public key that must be on P-256. Undefined for anything else. */
export function readPublicKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem)
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
  } catch {
    return undefined
  }
}
