import { KeyObject } from 'node:crypto'
import type { CryptoKey, JWK } from 'jose'
import { importJWK } from 'jose'
import { UpstreamError } from '../errors.ts'
import type { JsonObject } from './json.ts'
import { isJsonObject, member } from './json.ts'

/** A public key and the one algorithm it is for (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly kid: string
  readonly alg: 'ES256' | 'RS256'
  readonly key: KeyObject
  /** The public members as text: two keys are the same where it is. */
  readonly material: string
}

/** More keys than any server rotates through; past it the set is not believed. */
const maxKeys = 100

/**
 * Imports the usable keys of a JWKS (RFC 7517 §5). A key that is of no use here (another type, use
 * or algorithm, too short, off the curve) is dead; the others live.
 *
 * @param body the parsed answer
 * @returns the keys by `kid`; a `kid` that two usable keys share names neither
 * @throws UpstreamError where it is no JWKS
 */
export async function importKeys(body: unknown): Promise<Map<string, VerificationKey>> {
  const list = isJsonObject(body) ? member(body, 'keys') : undefined
  if (!Array.isArray(list) || list.length > maxKeys) {
    throw new UpstreamError('unexpected_body', 'the answer is not a JSON Web Key Set')
  }
  const keys = new Map<string, VerificationKey>()
  const shared = new Set<string>()
  for (const entry of list as unknown[]) {
    const key = await importKey(entry)
    if (key === undefined) continue
    if (keys.has(key.kid)) shared.add(key.kid)
    keys.set(key.kid, key)
  }
  for (const kid of shared) keys.delete(kid)
  return keys
}

async function importKey(jwk: unknown): Promise<VerificationKey | undefined> {
  if (!isJsonObject(jwk)) return undefined
  const kid = member(jwk, 'kid')
  const alg = isEcKey(jwk) ? 'ES256' : isRsaKey(jwk) ? 'RS256' : undefined
  if (typeof kid !== 'string' || kid === '' || alg === undefined) return undefined
  if (member(jwk, 'alg') !== alg || !isForVerification(jwk)) return undefined
  try {
    // Only the public members go in: a private key published by mistake stays unused.
    const part = publicPart(jwk)
    const key = KeyObject.from((await importJWK(part, alg)) as CryptoKey)
    return { kid, alg, key, material: JSON.stringify(part) }
  } catch {
    return undefined
  }
}

function isEcKey(jwk: JsonObject): boolean {
  return (
    member(jwk, 'kty') === 'EC' &&
    member(jwk, 'crv') === 'P-256' &&
    isText(member(jwk, 'x')) &&
    isText(member(jwk, 'y'))
  )
}

/** RFC 7518 §3.3: 2048 bits or more. An exponent of 1 would verify anything. */
function isRsaKey(jwk: JsonObject): boolean {
  const n = member(jwk, 'n')
  const e = member(jwk, 'e')
  if (member(jwk, 'kty') !== 'RSA' || !isText(n) || !isText(e)) return false
  const bits = BigInt(`0x0${Buffer.from(n, 'base64url').toString('hex')}`).toString(2).length
  const exponent = BigInt(`0x0${Buffer.from(e, 'base64url').toString('hex')}`)
  return bits >= 2048 && bits <= 8192 && exponent >= 3n && exponent % 2n === 1n
}

/** RFC 7517 §4.2 and §4.3. */
function isForVerification(jwk: JsonObject): boolean {
  const use = member(jwk, 'use')
  const operations = member(jwk, 'key_ops')
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

function publicPart(jwk: JsonObject): JWK {
  const part: Record<string, unknown> = {}
  for (const name of ['kty', 'crv', 'x', 'y', 'n', 'e']) {
    if (Object.hasOwn(jwk, name)) part[name] = jwk[name]
  }
  return part as JWK
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
