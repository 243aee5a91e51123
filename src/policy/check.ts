import type { Dialect } from '../request/dialect.ts'
import { covers } from './cover.ts'
import { segmentText } from './glob.ts'
import { matchesEveryPath } from './pattern.ts'
import type { Policy, Position, Route } from './policy.ts'
import { unfedBy } from './unfed.ts'

/** What there is to say about a policy that can be used. */
export interface Inspection {
  /** What cannot be meant: rules that nothing comes to. */
  readonly errors: readonly Remark[]
  /** What may be meant, and is worth knowing. */
  readonly warnings: readonly Remark[]
}

/** Something about one route, or about the policy. */
export interface Remark {
  /** The route's place, counted from 1; undefined where it is about the policy. */
  readonly place: number | undefined
  readonly name: string | undefined
  readonly position: Position | undefined
  /** A short English clause, such as `is never reached: #1 matches all of it`. */
  readonly message: string
}

/** The settings of the gate that the rules are for. */
export interface Surroundings {
  /** `GATE_DIALECT`; default `forwarded`. */
  readonly dialect?: Dialect | undefined
  /** `GATE_SIGNALS`; undefined where nobody said. */
  readonly signals?: boolean | undefined
}

/**
 * Looks a policy over for what its author may not have meant.
 *
 * @param policy that can be used
 * @param around the gate that it is for
 */
export function inspectPolicy(policy: Policy, around: Surroundings = {}): Inspection {
  const { routes } = policy
  const unfed = routes.map((route) => unfedBy(route, around.dialect ?? 'forwarded'))
  const warnings = routes.flatMap((route, i) =>
    [...warningsOf(route, around), ...(unfed[i]?.warnings ?? [])].map((it) => remark(route, it)),
  )
  if (routes.length === 0) {
    const message = 'has no routes: every request is denied'
    warnings.push({ place: undefined, name: undefined, position: undefined, message })
  }
  const errors = routes.flatMap((route, i) =>
    (unfed[i]?.errors ?? []).map((it) => remark(route, it)),
  )
  return { errors: inOrder([...unreachable(routes), ...errors]), warnings }
}

function unreachable(routes: readonly Route[]): readonly Remark[] {
  const errors: Remark[] = []
  for (const [i, route] of routes.entries()) {
    if (matchesEverything(route) && i < routes.length - 1) {
      // One remark for all that stand after it.
      const last = routes.length - i - 1
      const those = last === 1 ? 'the route after it is' : `the ${last} routes after it are`
      return [...errors, remark(route, `matches every request: ${those} never reached`)]
    }
    const first = routes.find((it) => it === route || covers(it, route))
    if (first === undefined || first === route) continue
    errors.push(remark(route, `is never reached: ${first.name} matches all of it`))
  }
  return errors
}

function matchesEverything({ when }: Route): boolean {
  const { path, host, scheme, methods } = when
  return matchesEveryPath(path) && (host ?? scheme ?? methods) === undefined
}

function inOrder(remarks: readonly Remark[]): readonly Remark[] {
  return remarks.toSorted((a, b) => (a.place ?? 0) - (b.place ?? 0))
}

function warningsOf(route: Route, { signals }: Surroundings): readonly string[] {
  const { when, allow, shadow, freshness } = route
  const warnings: string[] = []
  if (allow === 'anonymous') {
    if (matchesEveryPath(when.path))
      warnings.push('lets everybody pass without a token, on every path')
    if (shadow || asksForFreshness(route)) {
      warnings.push('asks for no token: shadow and freshness change nothing here')
    }
  } else if (shadow) {
    const untried = asksForFreshness(route) ? '; its freshness is not tried' : ''
    warnings.push(`is in shadow: what it would refuse passes${untried}`)
  } else if (freshness.mode === 'local' && signals !== true) {
    warnings.push('needs GATE_SIGNALS=on for mode local: without signals it is always 503')
  }
  const parameter = parameterOf(route)
  if (parameter !== undefined) {
    warnings.push(`compares ${JSON.stringify(parameter)} letter by letter; * stands for a segment`)
  }
  return warnings
}

function asksForFreshness({ freshness }: Route): boolean {
  return Object.values(freshness).some((it) => it !== undefined)
}

/** The way in which other software writes "any segment". */
function parameterOf({ when }: Route): string | undefined {
  return when.path.exact.segments.map(segmentText).find((it) => /^(?::\w+|\{.*\})$/.test(it))
}

function remark({ place, name, position }: Route, message: string): Remark {
  return { place, name, position, message }
}
