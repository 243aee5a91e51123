import { createHmac, randomBytes } from 'node:crypto'
import { isEqual } from './equal.ts'

/** How long one nonce is handed out, in milliseconds. It is taken for as long again. */
const slotLength = 60_000

/** The nonces that proofs must carry. Nothing is kept of them: they follow from secret and time. */
export interface Nonces {
  /** The one for the next proof: base64url, as RFC 9449 §8.1 allows. */
  current(): string
  /** @param value a proof's `nonce`, as it was parsed */
  isGood(value: unknown): boolean
}

/** How nonces are made. */
export interface NoncesOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Shared by all replicas, so that each knows the nonces of the others; default: random. */
  readonly secret?: string | undefined
}

/**
 * Makes nonces that nobody can foresee: whoever has one could not have signed with it earlier.
 *
 * @param options time and secret
 * @throws TypeError where the secret is empty, which everybody could guess
 * @see RFC 9449 §9
 */
export function createNonces({ now, secret }: NoncesOptions): Nonces {
  if (secret === '') throw new TypeError('"nonce.secret" option must be a text that is not empty')
  const key = secret ?? randomBytes(32)
  let made = { slot: Number.NaN, current: '', previous: '' }

  function nonceOf(slot: number): string {
    return createHmac('sha256', key).update(`dpop-nonce ${slot}`).digest('base64url')
  }

  function present(): typeof made {
    const slot = Math.floor(now() / slotLength)
    if (slot !== made.slot) made = { slot, current: nonceOf(slot), previous: nonceOf(slot - 1) }
    return made
  }

  return {
    current: () => present().current,
    isGood(value) {
      if (typeof value !== 'string') return false
      const { current, previous } = present()
      return isEqual(value, current) || isEqual(value, previous)
    },
  }
}
