import { hash } from 'node:crypto'
import { decodeBase64url } from '../token/compact.ts'
import type { JsonObject } from '../token/json.ts'
import { isJsonObject, member } from '../token/json.ts'

/** The kinds of keys that proofs may be signed with. */
export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | 'RSA'

/** The public key that a proof brings along: its form is checked, its point or modulus is not. */
export interface ProofKey {
  readonly kind: KeyKind
  /** RFC 7638 §3, with SHA-256: what `cnf.jkt` of a token names. */
  readonly thumbprint: string
  /** The members that make the key up, and no others. */
  readonly material: Readonly<Record<string, string>>
}

/** RFC 9449 §4.2: the key must not be private. `k` is a shared secret. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const
/** They would bring a second key along (RFC 7517 §4.6 and §4.7). */
const certificateMembers = ['x5u', 'x5c'] as const
/** Every member that makes up a public key of some kind. */
const publicMembers = ['crv', 'x', 'y', 'n', 'e'] as const

/** Bytes of a coordinate: RFC 7518 §6.2.1.2 wants all of them, leading zeros too. */
const curves: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }

/** The encodings of the points of Ed25519 whose order is 1, 2, 4 or 8, without the sign. */
const smallPoints: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/**
 * Reads the `jwk` of a proof's header.
 *
 * @param value the member, as it was parsed
 * @param alg the algorithm that the proof says it is signed by
 * @returns the key; undefined for anything else than the public members of one supported key
 * @see RFC 7517 §4, RFC 7518 §6, RFC 8037 §2, RFC 7638 §3
 */
export function readProofKey(value: unknown, alg: string): ProofKey | undefined {
  if (!isJsonObject(value) || !isForProofs(value, alg)) return undefined
  for (const name of [...secretMembers, ...certificateMembers]) {
    if (Object.hasOwn(value, name)) return undefined
  }
  switch (member(value, 'kty')) {
    case 'EC':
      return readEcKey(value)
    case 'OKP':
      return readEdwardsKey(value)
    case 'RSA':
      return readRsaKey(value)
    default:
      return undefined
  }
}

/** RFC 7517 §4.2 to §4.4, where the client says what the key is for. */
function isForProofs(jwk: JsonObject, alg: string): boolean {
  const operations = member(jwk, 'key_ops') ?? ['verify']
  return (
    (member(jwk, 'use') ?? 'sig') === 'sig' &&
    (member(jwk, 'alg') ?? alg) === alg &&
    Array.isArray(operations) &&
    operations.includes('verify')
  )
}

function readEcKey(jwk: JsonObject): ProofKey | undefined {
  const { crv, x, y } = jwk
  if (typeof crv !== 'string' || !Object.hasOwn(curves, crv)) return undefined
  const size = curves[crv]
  if (bytesOf(x)?.length !== size || bytesOf(y)?.length !== size) return undefined
  return keyOf(jwk, crv as KeyKind, ['crv', 'kty', 'x', 'y'])
}

function readEdwardsKey(jwk: JsonObject): ProofKey | undefined {
  const point = bytesOf(jwk.x)
  if (jwk.crv !== 'Ed25519' || point?.length !== 32 || isSmall(point)) return undefined
  return keyOf(jwk, 'Ed25519', ['crv', 'kty', 'x'])
}

/**
 * Whether a point has an order of 8 or less: under such a key one signature holds for any message,
 * and a token bound to it would be a bearer token. OpenSSL takes them (RFC 8725 §3.4).
 */
function isSmall(point: Buffer): boolean {
  // The sign of the other coordinate changes nothing about the order.
  const y = Buffer.from(point)
  y[31] = (y[31] ?? 0) & 0x7f
  return smallPoints.has(y.toString('hex'))
}

/**
 * RFC 7518 §3.3: 2048 bits or more; past 8192 a signature costs too much to check. An exponent of 1
 * would verify anything, and one past 31 bits is taken neither by ZeroID's verifier.
 */
function readRsaKey(jwk: JsonObject): ProofKey | undefined {
  const modulus = bytesOf(jwk.n)
  const exponent = bytesOf(jwk.e)
  if (modulus === undefined || exponent === undefined || exponent.length > 4) return undefined
  const bits = bitsOf(modulus)
  const value = exponent.readUIntBE(0, exponent.length)
  if (bits < 2048 || bits > 8192 || bitsOf(exponent) > 31 || value < 3 || value % 2 === 0) {
    return undefined
  }
  return keyOf(jwk, 'RSA', ['e', 'kty', 'n'])
}

/** RFC 7518 §6.3.1: no leading zero bytes. With one the number counts as having no bits. */
function bitsOf(number: Buffer): number {
  const first = number[0] ?? 0
  return first === 0 ? 0 : number.length * 8 - (Math.clz32(first) - 24)
}

function bytesOf(value: unknown): Buffer | undefined {
  return typeof value === 'string' && value !== '' ? decodeBase64url(value) : undefined
}

/** @param names of the members, in the order of RFC 7638 §3.2; all are texts that need no escape */
function keyOf(jwk: JsonObject, kind: KeyKind, names: readonly string[]): ProofKey | undefined {
  // A member of another kind of key would make it two keys in one.
  if (publicMembers.some((name) => Object.hasOwn(jwk, name) && !names.includes(name))) {
    return undefined
  }
  const material = Object.fromEntries(names.map((name) => [name, jwk[name] as string]))
  return { kind, thumbprint: hash('sha256', JSON.stringify(material), 'base64url'), material }
}
