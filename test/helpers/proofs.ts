import type { KeyObject } from 'node:crypto'
import { constants, generateKeyPairSync, hash, randomUUID, sign } from 'node:crypto'

/** The algorithms that proofs may be signed by. */
export type ProofAlg =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'

/** A client's key: what its tokens are bound to and its proofs are signed with. */
export interface ProofKey {
  readonly alg: ProofAlg
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** The public members, as they stand in the header of a proof. */
  readonly jwk: Record<string, string>
  /** RFC 7638 thumbprint: `cnf.jkt` of a token bound to the key. */
  readonly thumbprint: string
}

/** Makes a key pair; RSA takes a tenth of a second. */
export function makeProofKey(alg: ProofAlg = 'ES256'): ProofKey {
  const { privateKey, publicKey } = pairFor(alg)
  const jwk = publicKey.export({ format: 'jwk' }) as Record<string, string>
  return { alg, privateKey, publicKey, jwk, thumbprint: thumbprintOf(jwk) }
}

/** RFC 7638 §3: the required members in lexicographic order, hashed. */
export function thumbprintOf(jwk: Readonly<Record<string, string | undefined>>): string {
  const names = ['crv', 'e', 'kty', 'n', 'x', 'y'].filter((name) => jwk[name] !== undefined)
  const members = names.map((name) => [name, jwk[name]])
  return hash('sha256', JSON.stringify(Object.fromEntries(members)), 'base64url')
}

/** What a proof is made of; members of `header` and `claims` replace the good ones. */
export interface ProofParts {
  readonly key: ProofKey
  /** Default `GET`. */
  readonly method?: string
  readonly url: string
  /** The access token, for `ath`; without it the proof has none. */
  readonly token?: string
  /** Milliseconds since the epoch, for `iat`; default: now, or the next whole second. */
  readonly now?: number
  /** Default: random. */
  readonly jti?: string
  readonly nonce?: string
  /** For `bh`. */
  readonly body?: string | Uint8Array
  /** Replaced or added; `undefined` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Replaced or added; `undefined` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A signed proof (RFC 9449 §4.2), as it stands in the `DPoP` header. */
export function proof(parts: ProofParts): string {
  const { key, token, nonce, body } = parts
  const header = { typ: 'dpop+jwt', alg: key.alg, jwk: key.jwk, ...parts.header }
  const claims = {
    jti: parts.jti ?? randomUUID(),
    htm: parts.method ?? 'GET',
    htu: parts.url,
    // A gate that was started in this second cannot tell of a proof from before its end.
    iat: parts.now === undefined ? Math.ceil(Date.now() / 1000) : Math.floor(parts.now / 1000),
    ...(token === undefined ? undefined : { ath: hash('sha256', token, 'base64url') }),
    ...(nonce === undefined ? undefined : { nonce }),
    ...(body === undefined ? undefined : { bh: hash('sha256', body, 'base64url') }),
    ...parts.claims,
  }
  return sealProof(JSON.stringify(header), JSON.stringify(claims), key)
}

/** Signs any text under any header: nothing is checked and nothing is added. */
export function sealProof(
  header: string | Uint8Array,
  payload: string | Uint8Array,
  key: ProofKey,
): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${signatureOf(input, key).toString('base64url')}`
}

function encode(part: string | Uint8Array): string {
  return Buffer.from(part as string).toString('base64url')
}

function signatureOf(input: string, { alg, privateKey }: ProofKey): Buffer {
  const data = Buffer.from(input)
  if (alg === 'EdDSA') return sign(null, data, privateKey)
  const digest = `sha${alg.slice(2)}`
  if (alg.startsWith('ES')) {
    return sign(digest, data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  }
  if (alg.startsWith('RS')) return sign(digest, data, privateKey)
  return sign(digest, data, {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  })
}

const curves: Partial<Record<ProofAlg, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

function pairFor(alg: ProofAlg): { privateKey: KeyObject; publicKey: KeyObject } {
  const namedCurve = curves[alg]
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve })
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}
