import type { Demands } from '../gate/terms.ts'
import type { Observer } from '../observe/observer.ts'
import type { Route } from '../policy/policy.ts'
import { evaluate } from '../policy/requirements.ts'
import { refusalAt } from './refusal.ts'

/**
 * What a route asks of a token, in the gate's words.
 *
 * @param route that decides
 * @param observer told what a route in shadow would have refused
 */
export function demandsOf(route: Route, observer: Pick<Observer, 'shadow'>): Demands {
  const { name, requirements, dpop, freshness } = route
  if (!route.shadow) {
    return {
      route: name,
      ...freshness,
      proof: dpop,
      admit: (identity) => evaluate(requirements, identity),
    }
  }
  // In shadow a route asks for nothing: it tells what it would have said.
  return {
    route: name,
    // Nor for more than it would ask for in force.
    proof: dpop === 'off' ? 'off' : 'if_bound',
    admit(identity, proof) {
      const refusal = refusalAt(route, identity, proof)
      if (refusal !== undefined) observer.shadow?.(name, { ...refusal, identity })
      return undefined
    },
  }
}
