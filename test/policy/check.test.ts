import { describe, expect, test } from 'vitest'
import type { Surroundings } from '../../src/policy/check.ts'
import { inspectPolicy } from '../../src/policy/check.ts'
import { parsePolicy, policyFrom } from '../../src/policy/document.ts'
import type { RouteDocument } from '../../src/policy/policy.ts'
import type { AuthRequest, Dialect } from '../../src/request/dialect.ts'
import { createDialect } from '../../src/request/dialect.ts'

type Match = RouteDocument['match']

function errorsOf(...matches: Match[]): readonly string[] {
  const routes = matches.map((match) => ({ match }))
  return inspectPolicy(policyFrom({ version: 1, routes })).errors.map(
    ({ place, message }) => `${place} ${message}`,
  )
}

function warningsOf(route: RouteDocument, around?: Partial<Surroundings>): readonly string[] {
  const { errors, warnings } = inspectPolicy(policyFrom({ version: 1, routes: [route] }), around)
  expect(errors).toEqual([])
  return warnings.map(({ message }) => message)
}

describe('a route', () => {
  test.each<[string, Match, Match]>([
    ['the same path', { path: '/a' }, { path: '/a' }],
    ['everything below', { path: '/a/**' }, { path: '/a/b/*' }],
    ['everything below, and so the folder', { path: '/a/**' }, { path: '/a' }],
    ['a star', { path: '/*' }, { path: '/a*' }],
    ['a star in the middle', { path: '/*/b/**' }, { path: '/a/b/c' }],
    ['a part of a segment', { path: '/*.json' }, { path: '/a.json' }],
    ['a path that differs by case alone', { path: '/a' }, { path: '/A' }],
    ['a path that differs by a slash alone', { path: '/a' }, { path: '/a/' }],
    ['any method', { path: '/a' }, { path: '/a', methods: ['POST'] }],
    ['more methods', { path: '/a', methods: ['PUT', 'POST'] }, { path: '/a', methods: ['POST'] }],
    [
      'GET, which HEAD goes with',
      { path: '/a', methods: ['GET'] },
      { path: '/a', methods: ['HEAD'] },
    ],
    ['any host', { path: '/a' }, { path: '/a', host: 'a.example.com' }],
    [
      'a wider host',
      { path: '/a', host: '*.example.com' },
      { path: '/a', host: '*.b.example.com' },
    ],
    ['any port', { path: '/a', host: 'a.example.com' }, { path: '/a', host: 'a.example.com:80' }],
    ['any scheme', { path: '/a' }, { path: '/a', scheme: 'https' }],
  ])('is never reached behind one of %s', (_, first, second) => {
    expect(errorsOf(first, second)).toEqual(['2 is never reached: #1 matches all of it'])
  })

  test.each<[string, Match, Match]>([
    ['another path', { path: '/a' }, { path: '/b' }],
    ['a path within', { path: '/a/b' }, { path: '/a/**' }],
    ['a part of a segment', { path: '/a*' }, { path: '/*' }],
    ['a longer path', { path: '/a/b/**' }, { path: '/a' }],
    ['a folder', { path: '/*' }, { path: '/' }],
    ['some methods', { path: '/a', methods: ['POST'] }, { path: '/a' }],
    ['fewer methods', { path: '/a', methods: ['POST'] }, { path: '/a', methods: ['POST', 'PUT'] }],
    ['HEAD alone', { path: '/a', methods: ['HEAD'] }, { path: '/a', methods: ['GET'] }],
    ['a host', { path: '/a', host: 'a.example.com' }, { path: '/a' }],
    ['hosts below', { path: '/a', host: '*.example.com' }, { path: '/a', host: 'example.com' }],
    ['a port', { path: '/a', host: 'a.example.com:80' }, { path: '/a', host: 'a.example.com' }],
    ['a scheme', { path: '/a', scheme: 'https' }, { path: '/a' }],
  ])('can be reached behind one of %s', (_, first, second) => {
    expect(errorsOf(first, second)).toEqual([])
  })

  test('for preflights alone can be reached', () => {
    const match = { path: '/a', methods: ['POST'] }
    const routes = [{ match }, { match, allow: 'preflight' as const }]
    expect(inspectPolicy(policyFrom({ version: 1, routes })).errors).toEqual([])
    const turned = policyFrom({ version: 1, routes: routes.toReversed() })
    expect(inspectPolicy(turned).errors).toHaveLength(1)
  })

  test('that matches every request ends the policy', () => {
    expect(errorsOf({ path: '/a' }, { path: '/**' }, { path: '/b' }, { path: '/c' })).toEqual([
      '2 matches every request: the 2 routes after it are never reached',
    ])
    expect(errorsOf({ path: '/**' }, { path: '/b' })).toEqual([
      '1 matches every request: the route after it is never reached',
    ])
    expect(errorsOf({ path: '/**', host: 'a.example.com' }, { path: '/**' })).toEqual([])
  })

  test('is told by its place in the text', () => {
    const text =
      'version: 1\nroutes:\n  - match: { path: /a }\n  - name: b\n    match: { path: /a }\n'
    expect(inspectPolicy(parsePolicy(text)).errors).toEqual([
      {
        place: 2,
        name: 'b',
        position: { line: 4, column: 5 },
        message: 'is never reached: #1 matches all of it',
      },
    ])
  })

  test('in shadow is pointed out', () => {
    const route = { match: { path: '/a' }, shadow: true }
    expect(warningsOf(route)).toEqual(['is in shadow: what it would refuse passes'])
    expect(warningsOf({ ...route, freshness: { max_staleness: '5s' } })).toEqual([
      'is in shadow: what it would refuse passes; its freshness is not tried',
    ])
    expect(warningsOf({ ...route, allow: 'anonymous' })).toEqual([
      'asks for no token: shadow and freshness change nothing here',
    ])
    const freshness = { mode: 'live' as const }
    expect(warningsOf({ match: { path: '/a' }, allow: 'anonymous', freshness })).toEqual([
      'asks for no token: shadow and freshness change nothing here',
    ])
  })

  test('that lets everybody in everywhere is pointed out', () => {
    expect(warningsOf({ match: { path: '/**' }, allow: 'anonymous' })).toEqual([
      'lets everybody pass without a token, on every path',
    ])
    expect(warningsOf({ match: { path: '/healthz' }, allow: 'anonymous' })).toEqual([])
  })

  test.each([':id', '{id}'])('with %s in its path is pointed out', (parameter) => {
    expect(warningsOf({ match: { path: `/users/${parameter}` } })).toEqual([
      `compares "${parameter}" letter by letter; * stands for a segment`,
    ])
    expect(warningsOf({ match: { path: '/v1/things:act' } })).toEqual([])
  })

  test('of mode local is pointed out where signals may be off', () => {
    const freshness = { mode: 'local' as const }
    const local = { match: { path: '/a' }, freshness }
    const needs = 'needs GATE_SIGNALS=on for mode local: without signals it is always 503'
    expect(warningsOf(local)).toEqual([needs])
    expect(warningsOf(local, { signals: false })).toEqual([needs])
    expect(warningsOf(local, { signals: true })).toEqual([])
    // In shadow a route asks for no freshness.
    expect(warningsOf({ ...local, shadow: true })).not.toContain(needs)
    expect(warningsOf({ ...local, allow: 'anonymous' })).not.toContain(needs)
    expect(warningsOf({ ...local, freshness: { mode: 'live' } })).toEqual([])
  })
})

describe('a rule that a dialect does not feed', () => {
  const schemed = { match: { path: '/a', scheme: 'https' as const } }
  const hosted = { match: { path: '/a', host: 'api.example.com' } }
  const ported = { match: { path: '/a', host: 'api.example.com:8443' } }
  const proved = { match: { path: '/a' }, require: { dpop: 'required' as const } }
  const alone = 'where the proxy sends X-Original-URI without X-Original-URL'

  test.each([
    ['scheme', schemed, `is always refused ${alone}: nobody tells the scheme`],
    ['host', hosted, `never matches ${alone}: the host is then the gate's own`],
    ['port', ported, `never matches ${alone}: the host is then the gate's own`],
    [
      'proof',
      proved,
      `lets nobody pass ${alone}, nor GATE_PUBLIC_URL is set: a proof names scheme and host`,
    ],
  ])('is pointed out: original, %s', (_, route, said) => {
    expect(warningsOf(route, { dialect: 'original' })).toEqual([said])
  })

  test.each([schemed, hosted, ported, proved])(
    'is pointed out in no other dialect: %j',
    (route) => {
      for (const dialect of ['forwarded', 'envoy', undefined] as const) {
        expect(warningsOf(route, { dialect })).toEqual([])
      }
    },
  )

  test('is one that an auth request in that dialect does not come to', () => {
    const rawHeaders = ['Host', 'gate:8900', 'X-Original-Method', 'GET', 'X-Original-URI', '/a']
    const full = [...rawHeaders, 'X-Original-URL', 'https://api.example.com/a']
    expect(comesTo(schemed, 'original', { rawHeaders })).toBe('request_not_described')
    expect(comesTo(hosted, 'original', { rawHeaders })).toBe('none')
    expect(comesTo(ported, 'original', { rawHeaders })).toBe('none')
    for (const route of [schemed, hosted]) {
      expect(comesTo(route, 'original', { rawHeaders: full })).toBe('route')
    }
  })

  test('is a method that cannot be sent as that of an auth request', () => {
    const methods = ['VERSION-CONTROL', 'CONNECT']
    const never =
      'cannot come with GATE_DIALECT=envoy: the gate cannot read an auth request by that method'
    const inspect = (route: RouteDocument, dialect: Dialect): unknown => {
      const found = inspectPolicy(policyFrom({ version: 1, routes: [route] }), { dialect })
      const texts = (kind: 'errors' | 'warnings'): unknown =>
        found[kind].map(({ place, message }) => `${place} ${message}`)
      return [texts('errors'), texts('warnings')]
    }
    const odd = { match: { path: '/a', methods } }
    const mixed = { match: { path: '/a', methods: ['GET', 'CONNECT'] } }
    const preflight = { match: { path: '/a', methods }, allow: 'preflight' as const }
    const said = `1 is never reached: VERSION-CONTROL, CONNECT ${never}`
    expect(inspect(odd, 'envoy')).toEqual([[said], []])
    expect(inspect(mixed, 'envoy')).toEqual([[], [`1 has methods in vain: CONNECT ${never}`]])
    expect(inspect(preflight, 'envoy')).toEqual([
      [],
      [`1 has methods in vain: VERSION-CONTROL, CONNECT ${never}`],
    ])
    for (const dialect of ['forwarded', 'original'] as const) {
      expect(inspect(odd, dialect)).toEqual([[], []])
    }
  })
})

/** What the rule of one route says of an auth request. */
function comesTo(route: RouteDocument, dialect: Dialect, request: AuthRequest): string {
  const target = createDialect(dialect, '/ext-authz')(request)
  if ('outcome' in target) return target.reason
  const match = policyFrom({ version: 1, routes: [route] }).match(target)
  return match.kind === 'refused' ? match.reason : match.kind
}

test('a policy without routes is pointed out', () => {
  expect(inspectPolicy(policyFrom({ version: 1, routes: [] }))).toEqual({
    errors: [],
    warnings: [
      {
        place: undefined,
        name: undefined,
        position: undefined,
        message: 'has no routes: every request is denied',
      },
    ],
  })
})
