import type { Route } from '../policy/policy.ts'
import type { Judged } from '../policy/requirements.ts'
import { evaluate } from '../policy/requirements.ts'
import type { Deny, Identity, Proof } from '../verdict.ts'
import { deny } from '../verdict.ts'

/**
 * What a route says to a caller whose token is good: the same for the gate, for a route in shadow,
 * and for whoever tries rules out.
 *
 * @param route that decides
 * @param identity the caller
 * @param proof of possession that came and held; undefined: none
 * @returns the refusal; undefined where the caller may pass
 */
export function refusalAt(
  route: Route,
  identity: Judged & Pick<Identity, 'keyThumbprint'>,
  proof: Proof | undefined,
): Deny | undefined {
  return missingProof(route, identity, proof) ?? evaluate(route.requirements, identity)
}

function missingProof(
  { dpop }: Route,
  { keyThumbprint }: Pick<Identity, 'keyThumbprint'>,
  proof: Proof | undefined,
): Deny | undefined {
  if (dpop === 'off' || proof !== undefined) return undefined
  if (keyThumbprint !== undefined) return deny('proof_missing')
  return dpop === 'required' ? deny('token_not_bound') : undefined
}
