import type { Proofs } from '../dpop/proofs.ts'
import type { Observer } from '../observe/observer.ts'
import type { Target } from '../request/target.ts'
import type { Allow, Deny, Verdict } from '../verdict.ts'
import { deny, refuse } from '../verdict.ts'
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
  const proved = verdict.outcome === 'allow' ? prove(verdict, terms, proofs, presented) : verdict
  const concluded = proved.outcome === 'allow' ? admit(proved, terms) : proved
  if (concluded.outcome !== 'deny') return concluded
  const meant = presented.scheme === 'dpop' || isAsked(terms, proofs)
  return meant ? { ...concluded, dpop: true } : concluded
}

/**
 * A refusal of a request that presented no token: under DPoP, too, where the place asks for proofs.
 *
 * @param refusal of the request
 * @param terms of the place
 * @param proofs checks proofs; undefined: `GATE_DPOP=off`
 */
export function refuseUnpresented(refusal: Deny, terms: Terms, proofs: Proofs | undefined): Deny {
  return isAsked(terms, proofs) ? { ...refusal, dpop: true } : refusal
}

/** Whether nobody passes here without a proof, and one can be checked. */
function isAsked({ proof }: Terms, proofs: Proofs | undefined): boolean {
  return proof === 'required' && proofs !== undefined
}

/**
 * Tells the operator, once for each route, of what lets nobody pass: a route that requires the proofs
 * which the gate was told not to check.
 *
 * @param observer is told
 */
export function createProofsOffNotes(
  observer: Observer,
): (verdict: Verdict, route: string | undefined) => void {
  const told = new Set<string | undefined>()
  return function noteProofsOff(verdict, route) {
    if (verdict.outcome !== 'deny' || verdict.reason !== 'proofs_off' || told.has(route)) return
    told.add(route)
    observer.note?.(
      'error',
      'GATE_DPOP=off: a route requires a proof of possession, so that nobody can pass there',
      { route },
    )
  }
}

function needsProof({ identity }: Allow, { proof }: Terms, { scheme }: Presentation): boolean {
  if (proof === 'off') return false
  return identity.keyThumbprint !== undefined || scheme === 'dpop' || proof === 'required'
}

function prove(
  allow: Allow,
  terms: Terms,
  proofs: Proofs | undefined,
  presented: Presentation,
): Verdict {
  if (proofs !== undefined) {
    return needsProof(allow, terms, presented) ? check(allow, terms, proofs, presented) : allow
  }
  // What is not checked cannot be taken for given where it is all that a place relies on.
  return terms.proof === 'required' ? refuse('proofs_off', { identity: allow.identity }) : allow
}

function check(
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
    request,
    rawHeaders: request.rawHeaders,
    target: described,
    tokenDigest: digest,
    keyThumbprint: identity.keyThumbprint,
  })
  return 'outcome' in proof ? { ...proof, identity } : { ...allow, proof }
}
