import type { Registry } from 'prom-client'
import { Counter, Gauge } from 'prom-client'
import type { Observer } from './observer.ts'

const p = 'zeroid_gate_'

/** What became of a request at a route. */
type Outcome = 'allow' | 'deny' | 'unknown' | 'anonymous' | 'preflight' | 'shadow'

/**
 * What routes decide, and whether the policy file can be used. Routes are labels: only the operator
 * names them, in the file. Absent where there is no policy.
 *
 * @param registry where they are registered
 */
export function createPolicyMetrics(registry: Registry): Observer {
  const registers = [registry]
  const decisions = new Map<string, Map<Outcome, number>>()

  new Counter({
    name: `${p}route_decisions_total`,
    help: 'Requests by the route that decided; shadow: let in, and would have been refused.',
    labelNames: ['route', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [route, counts] of decisions) {
        for (const [outcome, count] of counts) this.inc({ route, outcome }, count)
      }
    },
  })
  const loaded = new Gauge({
    name: `${p}policy_loaded`,
    help: '1 where the policy file as it is now is in force; 0 where it cannot be used.',
    registers,
    collect() {
      if (loads === 0) this.reset()
    },
  })
  const results = new Counter({
    name: `${p}policy_loads_total`,
    help: 'Reads of a changed policy file by result.',
    labelNames: ['result'],
    registers,
  })
  let loads = 0

  function count(route: string, outcome: Outcome): void {
    let counts = decisions.get(route)
    if (counts === undefined) {
      counts = new Map()
      decisions.set(route, counts)
    }
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }

  return {
    verdict(verdict, _seconds, route) {
      if (route !== undefined) count(route, verdict.outcome)
    },
    passed(route, why) {
      if (route !== undefined) count(route, why)
    },
    shadow: (route) => count(route, 'shadow'),
    policyLoaded(ok) {
      loads++
      loaded.set(ok ? 1 : 0)
      results.inc({ result: ok ? 'ok' : 'failed' })
    },
  }
}
