import { demandsOf } from '../../access/demands.ts'
import type { Proofs } from '../../dpop/proofs.ts'
import { refuseProof } from '../../dpop/refusal.ts'
import { conclude } from '../../gate/possession.ts'
import { createTerms } from '../../gate/terms.ts'
import type { Policy, Route } from '../../policy/policy.ts'
import type { Target } from '../../request/target.ts'
import type { Allow, Deny } from '../../verdict.ts'
import { deny, refuse } from '../../verdict.ts'
import { identityOf } from './caller.ts'
import type { Case } from './case.ts'
import { targetOf } from './case.ts'

/** What the rules make of a case. */
export interface CaseVerdict {
  readonly says: 'allow' | 'anonymous' | 'preflight' | Deny
  /** The route that decided, if any. */
  readonly route: string | undefined
  /** What a route in shadow would have said. */
  readonly shadow?: Deny | undefined
}

/** A case says that a proof came, and such a proof is good; it cannot be of a key that is none. */
const proofs: Proofs = {
  check: ({ keyThumbprint }) =>
    keyThumbprint === undefined ? refuseProof('token_not_bound') : { bodyHash: undefined },
  nonce: () => undefined,
  size: () => 0,
}
/** Not asked for: the token of a case is good. */
const bounds = { mode: 'hybrid', maxStaleness: 30_000, clockSkew: 0 } as const

/**
 * Judges a case by the rules, with the code that the gate uses.
 *
 * @param policy the rules
 * @param given the case
 */
export function judgeCase(policy: Policy, given: Case): CaseVerdict {
  const target = targetOf(given.request)
  const match = policy.match(target)
  switch (match.kind) {
    case 'none':
      return { says: refuse('no_route'), route: undefined }
    case 'refused':
      return { says: refuse(match.reason), route: undefined }
    case 'preflight':
      return { says: 'preflight', route: match.route.name }
    case 'route': {
      const { route } = match
      if (route.allow === 'anonymous') return { says: 'anonymous', route: route.name }
      return { ...judgeCaller(route, given.identity, target), route: route.name }
    }
  }
}

function judgeCaller(
  route: Route,
  caller: Case['identity'],
  target: Target,
): Omit<CaseVerdict, 'route'> {
  if (caller === undefined) return { says: deny('missing_token') }
  let shadow: Deny | undefined
  const demands = demandsOf(route, {
    shadow(_name, refusal) {
      shadow = refusal
    },
  })
  const identity = identityOf(caller)
  const allow: Allow = { outcome: 'allow', identity, evidence: { kind: 'none', at: 0 } }
  const scheme = caller.proof ? 'dpop' : 'bearer'
  const presented = { scheme, digest: '', request: { rawHeaders: [] }, target } as const
  const verdict = conclude(allow, createTerms(demands, bounds, 'deny'), proofs, presented)
  if (verdict.outcome === 'unknown') throw new TypeError('a case has nobody to ask')
  return { says: verdict.outcome === 'allow' ? 'allow' : verdict, shadow }
}
