import type { KeyObject, VerifyKeyObjectInput } from 'node:crypto'
import { constants, verify } from 'node:crypto'
import type { Compact } from '../token/compact.ts'
import type { KeyKind } from './jwk.ts'

/** How a signature is checked (RFC 7518 §3.1, RFC 8037 §3.1). */
interface Algorithm {
  /** The one kind of key that it is for: the header's word never chooses how a key is used. */
  readonly kind: KeyKind
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null
  readonly scheme: Omit<VerifyKeyObjectInput, 'key'>
}

const ecdsa = { dsaEncoding: 'ieee-p1363' } as const
const pkcs1 = { padding: constants.RSA_PKCS1_PADDING } as const
// RFC 7518 §3.5: the salt is as long as the hash.
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const

/** The `alg` of a proof. */
export type ProofAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'

/** Asymmetric ones only, the list of ZeroID's verifier (RFC 9449 §4.3, criterion 5). */
const algorithms: Readonly<Record<ProofAlgorithm, Algorithm>> = {
  ES256: { kind: 'P-256', digest: 'sha256', scheme: ecdsa },
  ES384: { kind: 'P-384', digest: 'sha384', scheme: ecdsa },
  ES512: { kind: 'P-521', digest: 'sha512', scheme: ecdsa },
  EdDSA: { kind: 'Ed25519', digest: null, scheme: {} },
  PS256: { kind: 'RSA', digest: 'sha256', scheme: pss },
  PS384: { kind: 'RSA', digest: 'sha384', scheme: pss },
  PS512: { kind: 'RSA', digest: 'sha512', scheme: pss },
  RS256: { kind: 'RSA', digest: 'sha256', scheme: pkcs1 },
  RS384: { kind: 'RSA', digest: 'sha384', scheme: pkcs1 },
  RS512: { kind: 'RSA', digest: 'sha512', scheme: pkcs1 },
}

/** What proofs may be signed by, for `algs` of the challenge (RFC 9449 §7.1). */
export const proofAlgorithms: readonly ProofAlgorithm[] = Object.keys(
  algorithms,
) as ProofAlgorithm[]

/** @param alg the header's member, as it was parsed */
export function isProofAlgorithm(alg: unknown): alg is ProofAlgorithm {
  return typeof alg === 'string' && Object.hasOwn(algorithms, alg)
}

/**
 * @param alg of the proof
 * @param kind of its key
 * @returns whether they belong together (RFC 8725 §3.1)
 */
export function isForKind(alg: ProofAlgorithm, kind: KeyKind): boolean {
  return algorithms[alg].kind === kind
}

/**
 * Checks the signature of a proof.
 *
 * @param parts the proof
 * @param alg its algorithm, one that fits the key
 * @param key the imported key
 */
export function signatureHolds(parts: Compact, alg: ProofAlgorithm, key: KeyObject): boolean {
  const { digest, scheme } = algorithms[alg]
  try {
    return verify(digest, parts.signed, { key, ...scheme }, parts.signature)
  } catch {
    // What OpenSSL cannot work with is nobody's signature.
    return false
  }
}
