import type { Deny, DenyCode, ProofReason } from '../verdict.ts'
import { deny } from '../verdict.ts'

/**
 * Every other reason is `invalid_dpop_proof`. That goes for `cnf_jkt_mismatch` too: RFC 9449 §7.1
 * has that code for a proof which fails the criteria of §4.3, and that the proof's key is the one
 * which the token is bound to is its criterion 12. ZeroID's verifier says the same.
 */
const codes: Partial<Record<ProofReason, DenyCode>> = {
  // There is no proof that could be invalid: the token is no good the way it was presented.
  proof_missing: 'invalid_token',
  token_not_bound: 'invalid_token',
  dpop_nonce_required: 'use_dpop_nonce',
}

/**
 * A 401 for a proof of possession, with the code that belongs to its reason (RFC 9449 §7.1).
 *
 * @param reason why, from the closed list
 * @param detail the header member or claim at fault; never text that the client sent
 */
export function refuseProof(reason: ProofReason, detail?: string): Deny {
  return { ...deny(reason, detail), code: codes[reason] ?? 'invalid_dpop_proof', dpop: true }
}
