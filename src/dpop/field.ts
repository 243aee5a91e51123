import type { Deny } from '../verdict.ts'
import { refuseProof } from './refusal.ts'

/** Longest proof that is read, in bytes. One with an RSA key of 8192 bits takes 4 KiB. */
const maxLength = 8_192
/** Most headers of a request. Node drops those past 2000: another `DPoP` may be there. */
const maxHeaders = 1_000
/** Proxies and `fetch` join headers of one name like this (RFC 9110 §5.3). */
const joined = /^[\w.-]+(?:[ \t]*,[ \t]*[\w.-]+)+$/

const missing = refuseProof('proof_missing')
const several = refuseProof('several_proofs')
const tooLong = refuseProof('invalid_dpop_proof')

/**
 * Finds the one `DPoP` header of a request; this file alone reads it.
 *
 * @param rawHeaders names and values in turn, as they came
 * @returns its value, or the refusal: `proof_missing`, `several_proofs`, `invalid_dpop_proof` over
 *   8 KiB
 * @see RFC 9449 §4.3, criterion 1
 */
export function readProofField(rawHeaders: readonly string[]): string | Deny {
  if (rawHeaders.length > 2 * maxHeaders) return several
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== 4 || name.toLowerCase() !== 'dpop') continue
    if (value !== undefined) return several
    value = rawHeaders[i + 1] as string
  }
  if (value === undefined) return missing
  if (value.length > maxLength) return tooLong
  return joined.test(value) ? several : value
}
