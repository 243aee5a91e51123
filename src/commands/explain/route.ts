import { refusalAt } from '../../access/refusal.ts'
import type { Match, Policy, Route } from '../../policy/policy.ts'
import { withoutQuery } from '../../request/direct.ts'
import type { Target } from '../../request/target.ts'
import type { Verdict } from '../../verdict.ts'
import { refuse } from '../../verdict.ts'
import { usage } from '../usage.ts'

/** Most routes that are listed: the last ones, up to the one that decides. */
const mostLines = 50

/** What the rules say of a request, before anybody asks for a token. */
export interface Routing {
  readonly policy: Policy
  readonly target: Target
  readonly match: Match
}

/**
 * @param policy the rules
 * @param url of the request, absolute, or a path alone
 * @param method of the request
 * @param preflightFor the method that a true CORS preflight asks for; undefined: it is none
 * @throws CommandError (64) where it is no URL
 */
export function routingOf(
  policy: Policy,
  url: string,
  method: string,
  preflightFor?: string,
): Routing {
  const [, scheme, host, path] = /^(?:(https?):\/\/([^/?#]+))?(\/.*)$/.exec(url) ?? []
  if (path === undefined) {
    throw usage('explain', `--url ${JSON.stringify(url)} is not a URL with a path, nor a path`)
  }
  const target: Target = {
    method,
    scheme: scheme === 'http' || scheme === 'https' ? scheme : undefined,
    host,
    path: withoutQuery(path),
    preflightFor,
  }
  return { policy, target, match: policy.match(target) }
}

/**
 * Where the rules decide without a token: what they say, and the exit code.
 *
 * @param routing of the request
 * @returns undefined where the token decides
 */
export function withoutToken({ match }: Routing): { line: string; exitCode: 0 | 1 } | undefined {
  switch (match.kind) {
    case 'none':
      return { line: refusalLine('no_route', 'no route matches'), exitCode: 1 }
    case 'refused': {
      const text = `the rules cannot be applied${obstacleOf(match)}`
      return { line: refusalLine(match.reason, text), exitCode: 1 }
    }
    case 'preflight': {
      const { name } = match.route
      return {
        line: `allowed: 200, route ${name} lets preflights pass without a token`,
        exitCode: 0,
      }
    }
    case 'route':
      return match.route.allow === 'anonymous'
        ? { line: `allowed: 200, route ${match.route.name} needs no token`, exitCode: 0 }
        : undefined
  }
}

function obstacleOf({ missing, unreadable }: Match & { readonly kind: 'refused' }): string {
  if (unreadable !== undefined) return `, the ${unreadable} cannot be read`
  return missing === undefined ? '' : `, the ${missing} is not told`
}

function refusalLine(reason: Parameters<typeof refuse>[0], text: string): string {
  const { status, code } = refuse(reason)
  return `denied: ${status} ${code}, reason ${reason}: ${text}`
}

/**
 * Why each route before the one that decides did not match.
 *
 * @param routing of the request
 */
export function routeLines({ policy, target }: Routing): string[] {
  const looks = policy.explain(target)
  const lines = looks.slice(-mostLines).map(({ place, name, matched, why }) => {
    const called = name === `#${place}` ? name : `#${place} ${name}`
    return `    ${called}: ${matched ? 'matches' : why}`
  })
  if (looks.length > mostLines) lines.unshift(`    … ${looks.length - mostLines} before these`)
  const { method = 'any', scheme, host, path, preflightFor } = target
  const url = scheme === undefined ? path : `${scheme}://${host}${path}`
  const asking =
    preflightFor === undefined ? '' : `, a preflight for ${JSON.stringify(preflightFor)}`
  return [`  routes for ${JSON.stringify(`${method} ${url}`)}${asking}`, ...lines, '']
}

/**
 * What the route makes of a verdict on the token. A proof of possession is not asked for here: one
 * that would have to come is taken to have come.
 *
 * @param verdict on the token
 * @param route that decides
 * @param dpop `GATE_DPOP`: whether the gate asks for proofs at all
 */
export function verdictAt(verdict: Verdict, route: Route, dpop: boolean): Verdict {
  if (verdict.outcome !== 'allow') return verdict
  const { identity } = verdict
  if (!dpop && route.dpop === 'required' && !route.shadow) return refuse('proofs_off', { identity })
  const isBound = identity.keyThumbprint !== undefined
  const proof = isBound || !dpop ? { bodyHash: undefined } : undefined
  const refusal = refusalAt(route, identity, proof)
  return refusal === undefined || route.shadow ? verdict : { ...refusal, identity }
}
