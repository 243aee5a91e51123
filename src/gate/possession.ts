import type { Proofs } from '../dpop/proofs.ts'
import type { Target } from '../request/target.ts'
import type { Allow, Deny, Verdict } from '../verdict.ts'
import { deny } from '../verdict.ts'
import type { CheckRequest, Terms } from './terms.ts'

/** How a request presented its token. */
export interface Presentation {
  readonly scheme: 'bearer' | 'dpop'
  /** SHA-256 of the token in base64. */
  readonly digest: string
  readonly request: CheckRequest
  /** What the request was, where it is known already. */
  readonly target: Target | undefined
}

/**
 * Whether the bearer of a token need not prove anything more of himself here.
 *
 * @param allow for a token that came as a bearer token
 * @param terms of the place
 */
export function isProved({ identity }: Allow, { proof }: Terms): boolean {
  return identity.keyThumbprint === undefined && proof !== 'required'
}

/**
 * Whether a place lets in whoever may pass.
 *
 * @param allow with what was proved
 * @param terms of the place
 */
export function admit(allow: Allow, terms: Terms): Allow | Deny {
  const { identity } = allow
  const refusal = terms.admit?.(identity, allow.proof)
  return refusal === undefined ? allow : { ...refusal, identity }
}

/**
 * What a verdict on a token comes to for the one who presents it here: whether he must prove that
 * he holds the key that the token is bound to (RFC 9449 §7), and whether this place lets him in.
 *
 * @param verdict on the token
 * @param terms of the place
 * @param proofs checks proofs; undefined: `GATE_DPOP=off`, nobody asks for any
 * @param presented how
 */
export function conclude(
  verdict: Verdict,
  terms: Terms,
  proofs: Proofs | undefined,
  presented: Presentation,
): Verdict {
  if (verdict.outcome === 'deny') {
    return presented.scheme === 'dpop' ? { ...verdict, dpop: true } : verdict
  }
  if (verdict.outcome === 'unknown') return verdict
  const allow = needsProof(verdict, terms, proofs, presented)
    ? prove(verdict, terms, proofs, presented)
    : verdict
  return allow.outcome === 'allow' ? admit(allow, terms) : allow
}

function needsProof(
  { identity }: Allow,
  { proof }: Terms,
  proofs: Proofs | undefined,
  { scheme }: Presentation,
): proofs is Proofs {
  if (proofs === undefined || proof === 'off') return false
  return identity.keyThumbprint !== undefined || scheme === 'dpop' || proof === 'required'
}

function prove(
  allow: Allow,
  terms: Terms,
  proofs: Proofs,
  { scheme, digest, request, target }: Presentation,
): Verdict {
  const { identity } = allow
  // RFC 9449 §7.2: a bound token must not be taken as a bearer token, whatever comes with it.
  if (scheme === 'bearer') {
    const bound = identity.keyThumbprint !== undefined
    return {
      ...deny(bound ? 'proof_missing' : 'token_not_bound', undefined, identity),
      dpop: true,
    }
  }
  const described: Target | Deny = target ?? terms.describe(request)
  if ('outcome' in described) return { ...described, identity }
  const proof = proofs.check({
    rawHeaders: request.rawHeaders,
    target: described,
    tokenDigest: digest,
    keyThumbprint: identity.keyThumbprint,
  })
  return 'outcome' in proof ? { ...proof, identity } : { ...allow, proof }
}
