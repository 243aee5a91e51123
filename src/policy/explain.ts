import type { Target } from '../request/target.ts'
import type { Asked, Obstacle } from './conditions.ts'
import { meetsHost, meetsMethod, meetsScheme, readAsked } from './conditions.ts'
import { matchesEveryPath, matchesShape } from './pattern.ts'
import type { Explanation, Route } from './policy.ts'
import type { Reading } from './readings.ts'
import { readingsOf } from './readings.ts'

/**
 * Goes through routes one by one, as people do.
 *
 * @param routes in order
 * @param target the request
 * @returns one line for each route up to the one that decides, or that nobody can decide on; none
 *   where the request is refused whatever the routes say
 */
export function explainMatch(routes: readonly Route[], target: Target): readonly Explanation[] {
  const asked = readAsked(target)
  const readings = target.path === undefined ? [] : readingsOf(target.path)
  if (readings === undefined) return []
  const lines: Explanation[] = []
  for (const route of routes) {
    const { say, why } = look(route, asked, readings)
    lines.push({ place: route.place, name: route.name, matched: say === 'yes', why })
    if (say !== 'no') return lines
  }
  return lines
}

interface Look {
  /** `stop`: nobody can tell, so the request is refused here. */
  readonly say: 'yes' | 'no' | 'stop'
  readonly why: string
}

function look(route: Route, asked: Asked, readings: readonly Reading[]): Look {
  const { path, host, scheme, methods } = route.when
  const looks = [
    lookAtPath(route, readings),
    told(meetsMethod(route, asked), `the method is not one of ${methods?.join(', ')}`),
    told(meetsScheme(route, asked), `the scheme is not ${scheme}`),
    told(meetsHost(route, asked), `the host is not ${host?.text}`),
  ]
  const deciding = looks.find(({ say }) => say === 'no') ?? looks.find(({ say }) => say === 'stop')
  return deciding ?? { say: 'yes', why: `the path matches ${path.text}` }
}

function lookAtPath({ when: { path } }: Route, readings: readonly Reading[]): Look {
  if (matchesEveryPath(path)) return { say: 'yes', why: '' }
  if (readings.length === 0) return { say: 'stop', why: 'nobody told the path' }
  const matching = readings.filter((reading) =>
    matchesShape(reading.folded ? path.folded : path.exact, reading.path),
  )
  if (matching.length === readings.length) return { say: 'yes', why: '' }
  if (matching.length === 0) return { say: 'no', why: `the path does not match ${path.text}` }
  const how = 'by its case, escapes, or a slash, dot or blank at an end'
  return {
    say: 'stop',
    why: `some backends take the path for ${path.text} and some do not, ${how}`,
  }
}

function told(met: boolean | Obstacle, otherwise: string): Look {
  if (met === 'unreadable method') return { say: 'stop', why: 'the method cannot be read' }
  if (met === 'unreadable host') return { say: 'stop', why: 'the host cannot be read' }
  if (typeof met === 'string') return { say: 'stop', why: `nobody told the ${met}` }
  return met ? { say: 'yes', why: '' } : { say: 'no', why: otherwise }
}
