import type { Target } from '../request/target.ts'
import type { Asked, Obstacle } from './conditions.ts'
import { meets, readAsked } from './conditions.ts'
import { explainMatch } from './explain.ts'
import { createHostReader } from './host.ts'
import type { Found } from './path-index.ts'
import { createPathIndex } from './path-index.ts'
import { isFolded, matchesEveryPath } from './pattern.ts'
import type { Match, Policy, RequestPart, Route, UnreadablePart } from './policy.ts'
import { isOrdinary, readingsOf } from './readings.ts'

const none: Match = { kind: 'none' }
const pathRefused: Match = { kind: 'refused', reason: 'path_refused' }
const stopped: Readonly<Record<Obstacle, Match>> = {
  method: undescribed('method'),
  scheme: undescribed('scheme'),
  host: undescribed('host'),
  path: undescribed('path'),
  'unreadable method': unreadable('method'),
  'unreadable host': unreadable('host'),
}

function undescribed(missing: RequestPart): Match {
  return { kind: 'refused', reason: 'request_not_described', missing }
}

function unreadable(part: UnreadablePart): Match {
  return { kind: 'refused', reason: 'path_refused', unreadable: part }
}

/**
 * Makes a policy of its routes.
 *
 * @param routes in order, their places counted from 1
 */
export function createPolicy(routes: readonly Route[]): Policy {
  const matches = routes.map((route): Match => ({ kind: 'route', route }))
  const preflights = routes.map((route): Match => ({ kind: 'preflight', route }))
  const exact = createPathIndex(routes, ({ when }) => when.path.exact)
  // Where no pattern has capitals or a slash at the end, one index serves both.
  const isPlain = routes.every(({ when }) => isFolded(when.path))
  const folded = isPlain ? exact : createPathIndex(routes, ({ when }) => when.path.folded)

  const hostOf = createHostReader()

  function matchOf(found: Found | undefined, asked: Asked): Match {
    if (found === undefined) return none
    if (found.obstacle !== undefined) return stopped[found.obstacle]
    const { index } = found
    const isPreflight = asked.preflightFor !== undefined && routes[index]?.preflight
    return (isPreflight ? preflights : matches)[index] ?? none
  }

  function matchPath(path: string, asked: Asked): Match {
    if (isPlain && isOrdinary(path)) return matchOf(exact.first(path, asked), asked)
    const readings = readingsOf(path)
    if (readings === undefined) return pathRefused
    let match: Match | undefined
    for (const reading of readings) {
      const index = reading.folded ? folded : exact
      const next = matchOf(index.first(reading.path, asked), asked)
      // The backend may read it as another route's path: nobody can tell which rules are meant.
      if (match !== undefined && match !== next) return pathRefused
      match = next
    }
    return match ?? pathRefused
  }

  /** Without a path only `/**` can decide; whatever stands before it would have to be ruled out. */
  function matchWithoutPath(asked: Asked): Match {
    for (const [index, route] of routes.entries()) {
      const met = meets(route, asked)
      if (met === false) continue
      if (met !== true) return stopped[met]
      if (!matchesEveryPath(route.when.path)) return stopped.path
      return matchOf({ index, obstacle: undefined }, asked)
    }
    return none
  }

  return {
    routes,
    match(target: Target): Match {
      const asked = readAsked(target, hostOf)
      return target.path === undefined ? matchWithoutPath(asked) : matchPath(target.path, asked)
    },
    explain: (target) => explainMatch(routes, target),
  }
}
