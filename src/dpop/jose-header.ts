import { member, parseJsonObject } from '../token/json.ts'
import type { Deny } from '../verdict.ts'
import type { ProofAlgorithm } from './algorithms.ts'
import { isForKind, isProofAlgorithm } from './algorithms.ts'
import type { ProofKey } from './jwk.ts'
import { readProofKey } from './jwk.ts'
import { refuseProof } from './refusal.ts'

/** The checked JOSE header of a proof (RFC 9449 §4.2). */
export interface ProofHeader {
  readonly alg: ProofAlgorithm
  readonly key: ProofKey
}

/**
 * Members that would bring another key or another meaning along (RFC 8725 §3.10; RFC 7515 §4.1.11:
 * what is critical and not understood is refused). Others change nothing here and are let be.
 */
const refusedMembers = ['crit', 'b64', 'zip', 'enc', 'jku', 'x5u', 'x5c'] as const

/**
 * Reads the header of a proof.
 *
 * @param bytes the decoded first part
 * @returns algorithm and key, which fit each other; or the refusal, which names the member at fault
 * @see RFC 9449 §4.3, criteria 4 to 7
 */
export function readProofHeader(bytes: Uint8Array): ProofHeader | Deny {
  const header = parseJsonObject(bytes)
  if (header === undefined) return refuseProof('invalid_dpop_proof')
  for (const name of refusedMembers) {
    if (Object.hasOwn(header, name)) return refuseProof('invalid_dpop_proof', name)
  }
  // Media types compare without case (RFC 7515 §4.1.9), but ZeroID's verifier takes this spelling
  // alone: what passes here passes there.
  if (member(header, 'typ') !== 'dpop+jwt') return refuseProof('invalid_dpop_proof', 'typ')
  const alg = member(header, 'alg')
  if (typeof alg !== 'string') return refuseProof('invalid_dpop_proof', 'alg')
  if (!isProofAlgorithm(alg)) return refuseProof('unsupported_algorithm', 'alg')
  const key = readProofKey(member(header, 'jwk'), alg)
  if (key === undefined) return refuseProof('invalid_dpop_proof', 'jwk')
  return isForKind(alg, key.kind) ? { alg, key } : refuseProof('invalid_dpop_proof', 'alg')
}
