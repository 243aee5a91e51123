import { hash } from 'node:crypto'
import type { ProofContext, Proofs, ProofsOptions } from '../../src/dpop/proofs.ts'
import { createProofs } from '../../src/dpop/proofs.ts'
import type { Target } from '../../src/request/target.ts'
import type { Deny, Proof, Unknown } from '../../src/verdict.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { ProofKey, ProofParts } from '../helpers/proofs.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'

export const start: number = Date.UTC(2026, 10, 22, 5, 11, 20)
/** How long the checkers have been running by then, in milliseconds: what came before is long past. */
const running = 120_000
export const token = 'header.payload.signature'
export const url = 'https://api.example.com/orders'
export const target: Target = {
  method: 'GET',
  scheme: 'https',
  host: 'api.example.com',
  path: '/orders',
  preflightFor: undefined,
}
/** One key for all that need no second one. */
export const key: ProofKey = makeProofKey()

export function digestOf(text: string): string {
  return hash('sha256', text, 'base64')
}

/** The context of a request of its own that carries these proofs. */
export function carrying(
  fields: string | readonly string[],
  changed: Partial<ProofContext> = {},
): ProofContext {
  const values = typeof fields === 'string' ? [fields] : fields
  return {
    request: {},
    rawHeaders: ['Host', 'api.example.com', ...values.flatMap((value) => ['DPoP', value])],
    target,
    tokenDigest: digestOf(token),
    keyThumbprint: key.thumbprint,
    ...changed,
  }
}

/** A checker under a clock of its own, and proofs that are good by it. */
export interface Asking {
  readonly clock: FakeClock
  readonly proofs: Proofs
  /** A good proof, but for what is given. */
  make(parts?: Partial<ProofParts>): string
  check(fields: string | readonly string[], changed?: Partial<ProofContext>): Checked
}

type Checked = Proof | Deny | Unknown

export function createAsking(options: Partial<ProofsOptions> = {}): Asking {
  const clock = createFakeClock(start - running)
  const proofs = createProofs({ clock, now: clock.now, ...options })
  clock.advance(running)
  return {
    clock,
    proofs,
    make: (parts) => proof({ key, url, token, now: clock.now(), ...parts }),
    check: (fields, changed) => proofs.check(carrying(fields, changed)),
  }
}

/** What a check comes to, for comparing: `allow`, or the reason and the detail. */
export function gistOf(checked: Checked): string {
  if (!('outcome' in checked)) return 'allow'
  const detail = checked.outcome === 'deny' ? checked.detail : undefined
  return detail === undefined ? checked.reason : `${checked.reason} ${detail}`
}
