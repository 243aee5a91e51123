import type { Match, Policy, RequestPart, Route, UnreadablePart } from '../../src/policy/policy.ts'
import type { Target } from '../../src/request/target.ts'
import type { Backend } from './backends.ts'
import { agreedPath, backends } from './backends.ts'

/**
 * The plainest way to match: every route in turn, patterns as regular expressions, for each backend
 * that there is. Slow, and with no index, no memory and no short cut of the real one; what backends
 * overlook is read from them alone.
 */
export function matchLinearly({ routes }: Policy, target: Target): Match {
  const { path } = target
  if (path === undefined) return firstOf(routes, target, (text) => text === '/**' || 'path')
  if (agreedPath(path) === undefined) return { kind: 'refused', reason: 'path_refused' }
  const matches = backends.map((backend) =>
    firstOf(routes, target, (text) => comesTo(backend, text, backend.serves(path) ?? '')),
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
 * @param path that the backend serves
 * @returns the place of the first route of a path, whatever else it asks; 0: none
 */
export function placeOf({ routes }: Policy, path: string, backend: Backend): number {
  return routes.find(({ when }) => comesTo(backend, when.path.text, path))?.place ?? 0
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
    if (open !== undefined) return stopped(open as Obstacle)
    return { kind: isPreflight && route.preflight ? 'preflight' : 'route', route }
  }
  return { kind: 'none' }
}

/** A part that nobody told, or that the client wrote so that nobody can read it. */
type Obstacle = RequestPart | `odd ${UnreadablePart}`

function stopped(by: Obstacle): Match {
  if (by === 'odd method') return { kind: 'refused', reason: 'path_refused', unreadable: 'method' }
  if (by === 'odd host') return { kind: 'refused', reason: 'path_refused', unreadable: 'host' }
  return { kind: 'refused', reason: 'request_not_described', missing: by }
}

function methodOf(
  route: Route,
  methods: readonly string[],
  { method, preflightFor }: Target,
): boolean | 'method' | 'odd method' {
  if (method === undefined) return 'method'
  const asked = [method]
  if (method === 'OPTIONS' && route.preflight && preflightFor) asked.push(preflightFor)
  if (asked.some((it) => methods.includes(it))) return true
  return /^[A-Z-]+$/.test(method) ? false : 'odd method'
}

function meetsHost(
  pattern: string,
  { host, scheme }: Target,
): boolean | 'host' | 'odd host' | 'scheme' {
  if (!host) return 'host'
  const asked = hostOf(host)
  if (asked === undefined) return 'odd host'
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

/** Whether a backend comes to the handler of a pattern with a path that it serves. */
function comesTo({ overlooks }: Backend, pattern: string, path: string): boolean {
  const rest = /\/\*\*$/.test(pattern)
  const above = rest ? pattern.slice(0, -3) : pattern
  const compared = overlooks?.without(above) ?? above
  const shape = compared
    .split('/')
    .map((part) => (part === '*' ? '[^/]+' : part.split('*').map(verbatim).join('[^/]*')))
    .join('/')
  // Simple case folding of Unicode: no function that the rules fold with.
  const flags = overlooks === undefined ? 'su' : 'isu'
  const matcher = new RegExp(`^${shape}${rest ? '(?:/.*)?' : ''}$`, flags)
  return matcher.test(overlooks?.without(path) ?? path)
}

function verbatim(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
