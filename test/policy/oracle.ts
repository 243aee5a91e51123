import type { Match, Policy, RequestPart, Route } from '../../src/policy/policy.ts'
import { foldCase, readingsOf, withoutTail } from '../../src/policy/readings.ts'
import type { Target } from '../../src/request/target.ts'

/**
 * The plainest way to match: every route in turn, patterns as regular expressions. Slow, and with
 * no index, no memory and no short cut of the real one.
 */
export function matchLinearly({ routes }: Policy, target: Target): Match {
  if (target.host && hostOf(target.host) === undefined) return undescribed('host')
  if (target.path === undefined) return firstOf(routes, target, (text) => text === '/**' || 'path')
  const readings = readingsOf(target.path)
  if (readings === undefined) return { kind: 'refused', reason: 'path_refused' }
  const matches = readings.map(({ path, folded }) =>
    firstOf(routes, target, (text) => matchesPath(text, path, folded)),
  )
  const [first] = matches
  const same = matches.every((it) => JSON.stringify(keyOf(it)) === JSON.stringify(keyOf(first)))
  return same && first !== undefined ? first : { kind: 'refused', reason: 'path_refused' }
}

/** What tells one match from another. */
export function keyOf(match: Match | undefined): unknown {
  if (match === undefined) return undefined
  return 'route' in match ? [match.kind, match.route.place] : match
}

/**
 * @param folded the path comes from a backend that overlooks case and a slash at the end
 * @returns the place of the first route of a path, whatever else it asks; 0: none
 */
export function placeOf({ routes }: Policy, path: string, folded: boolean): number {
  return routes.find(({ when }) => matchesPath(when.path.text, path, folded))?.place ?? 0
}

function firstOf(
  routes: readonly Route[],
  target: Target,
  pathOf: (text: string) => boolean | RequestPart,
): Match {
  const isPreflight = target.method === 'OPTIONS' && target.preflightFor !== undefined
  for (const route of routes) {
    const { host, scheme, methods, path } = route.when
    const answers = [
      methods === undefined || methodOf(route, methods, target),
      scheme === undefined || (target.scheme === undefined ? 'scheme' : target.scheme === scheme),
      host === undefined || meetsHost(host.text, target),
      pathOf(path.text),
    ]
    if (answers.includes(false)) continue
    const open = answers.find((it) => it !== true)
    if (open !== undefined) return undescribed(open as RequestPart)
    return { kind: isPreflight && route.preflight ? 'preflight' : 'route', route }
  }
  return { kind: 'none' }
}

function undescribed(missing: RequestPart): Match {
  return { kind: 'refused', reason: 'request_not_described', missing }
}

function methodOf(
  route: Route,
  methods: readonly string[],
  { method, preflightFor }: Target,
): boolean | 'method' {
  if (method === undefined) return 'method'
  const asked = [method]
  if (method === 'OPTIONS' && route.preflight && preflightFor) asked.push(preflightFor)
  if (asked.some((it) => methods.includes(it))) return true
  return /^[A-Z-]+$/.test(method) ? false : 'method'
}

function meetsHost(pattern: string, { host, scheme }: Target): boolean | 'host' | 'scheme' {
  const asked = host ? hostOf(host) : undefined
  if (asked === undefined) return 'host'
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? []
  const shape = verbatim(name.toLowerCase()).replace('\\*', '.+')
  if (!new RegExp(`^${shape}$`).test(asked.name)) return false
  if (port === undefined) return true
  if (asked.port !== undefined) return asked.port === port
  return scheme === undefined ? 'scheme' : port === (scheme === 'https' ? '443' : '80')
}

function hostOf(host: string): { name: string; port: string | undefined } | undefined {
  const [, name, port] = /^([\w-]+(?:\.[\w-]+)*)\.?(?::(\d+))?$/.exec(host) ?? []
  return name === undefined ? undefined : { name: name.toLowerCase(), port }
}

function matchesPath(pattern: string, path: string, folded: boolean): boolean {
  const parts = pattern.slice(1).split('/')
  const rest = parts.at(-1) === '**'
  if (rest) parts.pop()
  const compared = folded ? parts.map((part) => withoutTail(foldCase(part))) : parts
  if (folded && compared.at(-1) === '') compared.pop()
  const shape = compared
    .map((part) => (part === '*' ? '/[^/]+' : `/${part.split('*').map(verbatim).join('[^/]*')}`))
    .join('')
  return new RegExp(`^${shape}${rest ? '(?:/.*)?' : ''}$`, 's').test(
    path === '' && !folded ? '/' : path,
  )
}

function verbatim(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
