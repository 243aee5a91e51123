import { describe, expect, test } from 'vitest'
import { askedOf } from '../../src/commands/explain/asked.ts'
import { routeLines, routingOf, verdictAt, withoutToken } from '../../src/commands/explain/route.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { RequireDocument, Route } from '../../src/policy/policy.ts'
import type { Verdict } from '../../src/verdict.ts'
import { makeProofKey } from '../helpers/proofs.ts'
import { startStack } from '../helpers/stack.ts'

function routeAsking(require: RequireDocument): Route {
  const [route] = policyFrom({
    version: 1,
    routes: [{ name: 'r', match: { path: '/x' }, require }],
  }).routes
  if (route === undefined) throw new Error('no route')
  return route
}

describe('what explain says a route asked for, and what the token has', () => {
  test.each<readonly [RequireDocument, string]>([
    [
      { scopes: { all: ['a', 'data:read'] } },
      '{"all":["a","data:read"]}, the token has ["data:read"], granting a would do',
    ],
    [{ trust: 'first_party' }, '"first_party", the token has "unverified"'],
    [{ identity_types: ['service'] }, '["service"], the token has "agent"'],
    [{ sub_types: ['tool_agent'] }, '["tool_agent"], the token has nothing'],
    [{ tenants: ['a/b'] }, '["a/b"], the token has "acct-demo/proj-demo"'],
    [{ audience: 'x' }, '["x"], the token has ["y"]'],
    [{ tools: ['search'] }, '["search"], the token has ["read"]'],
    [{ delegation: { max_depth: 1 } }, '1, the token has 2'],
    [
      { delegation: { actors: ['spiffe://example.org/**'] } },
      '["spiffe://example.org/**"], the token has ["spiffe://example.net/x"]',
    ],
  ])('%j', async (require, said) => {
    const { zeroid, check } = await startStack()
    const claims = {
      sub: 'spiffe://example.net/x',
      trust_level: 'unverified',
      identity_type: 'agent',
      sub_type: undefined,
      allowed_tools: ['read'],
      delegation_depth: 2,
    }
    const verdict = await check(await zeroid.mint({ claims, audience: 'y' }))
    const route = routeAsking(require)
    const refusal = verdictAt(verdict, route, true)
    if (refusal.outcome !== 'deny') throw new Error(`said ${refusal.outcome}`)
    expect(askedOf(route, refusal)).toBe(`route r asks for ${said}`)
  })
})

test('explain takes a proof that would have to come for given, and tells where nobody checks the one that is required', async () => {
  const { zeroid, gate } = await startStack()
  const terms = gate.terms({ proof: 'off' })
  const says = async (token: string, route: Route, dpop: boolean): Promise<string> => {
    const allow: Verdict = await gate.check(
      { rawHeaders: ['Authorization', `Bearer ${token}`] },
      terms,
    )
    const verdict = verdictAt(allow, route, dpop)
    return verdict.outcome === 'deny' ? verdict.reason : verdict.outcome
  }
  const bound = await zeroid.mint({ boundTo: makeProofKey().thumbprint })
  const plain = await zeroid.mint()
  const required = routeAsking({ dpop: 'required' })
  expect(await says(bound, required, true)).toBe('allow')
  expect(await says(plain, required, true)).toBe('token_not_bound')
  expect(await says(plain, required, false)).toBe('proofs_off')
  expect(await says(plain, routeAsking({ dpop: 'if_bound' }), false)).toBe('allow')
  expect(await says(plain, routeAsking({ dpop: 'if_bound' }), true)).toBe('allow')
})

describe('what explain says of a preflight', () => {
  const policy = policyFrom({
    version: 1,
    routes: [
      { name: 'put', match: { path: '/x', methods: ['PUT'] }, allow: 'preflight' },
      { name: 'options', match: { path: '/x', methods: ['OPTIONS'] } },
    ],
  })
  const route = (preflightFor: string | undefined): ReturnType<typeof routingOf> =>
    routingOf(policy, 'https://api.example.com/x', 'OPTIONS', preflightFor)

  test('is that it needs no token where a route lets it pass', () => {
    const routing = route('PUT')
    expect(withoutToken(routing)).toEqual({
      line: 'allowed: 200, route put lets preflights pass without a token',
      exitCode: 0,
    })
    expect(routeLines(routing)).toEqual([
      '  routes for "OPTIONS https://api.example.com/x", a preflight for "PUT"',
      '    #1 put: matches',
      '',
    ])
  })

  test('is that it needs one everywhere else, as OPTIONS alone does', () => {
    for (const preflightFor of ['DELETE', undefined]) {
      expect(withoutToken(route(preflightFor)), preflightFor).toBeUndefined()
      expect(routeLines(route(preflightFor)).slice(1, -1)).toEqual([
        '    #1 put: the method is not one of PUT',
        '    #2 options: matches',
      ])
    }
  })
})

test.each([
  ['https://api.example.com/a//b', 'GET', 'path_refused: the rules cannot be applied'],
  ['https://a@b/x', 'GET', 'path_refused: the rules cannot be applied, the host cannot be read'],
  [
    'https://a.example/x',
    'get',
    'path_refused: the rules cannot be applied, the method cannot be read',
  ],
  ['/x', 'GET', 'request_not_described: the rules cannot be applied, the host is not told'],
])('explain says why rules cannot be applied to %s by %s', (url, method, said) => {
  const match = { path: '/**', host: 'a.example', methods: ['GET'] }
  const policy = policyFrom({ version: 1, routes: [{ match }] })
  expect(withoutToken(routingOf(policy, url, method))).toEqual({
    line: `denied: 403 access_denied, reason ${said}`,
    exitCode: 1,
  })
})

test('explain lists the last fifty routes of many', () => {
  const routes = Array.from({ length: 1_000 }, (_, i) => ({ match: { path: `/r${i}` } }))
  const lines = routeLines(routingOf(policyFrom({ version: 1, routes }), '/r900', 'GET'))
  expect(lines.slice(0, 3)).toEqual([
    '  routes for "GET /r900"',
    '    … 851 before these',
    '    #852: the path does not match /r851',
  ])
  expect(lines.slice(-2)).toEqual(['    #901: matches', ''])
  expect(lines).toHaveLength(53)
})
