import type { Demands } from '../gate/terms.ts'
import type { Observer } from '../observe/observer.ts'
import type { Route } from '../policy/policy.ts'
import { evaluate } from '../policy/requirements.ts'
import { refusalAt } from './refusal.ts'

/**
 * What a route asks of a token, in the gate's words. In shadow it asks for nothing and tells what it
 * would have said of the caller and the proof. Its freshness is not tried: what that refuses depends
 * on what ZeroID answers, and to ask would slow requests down, or keep them waiting, already now.
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
