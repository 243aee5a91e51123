import { describe, expect, test } from 'vitest'
import { policyFrom } from '../../src/policy/document.ts'
import type { Target } from '../../src/request/target.ts'

const target: Target = {
  method: 'GET',
  scheme: 'https',
  host: 'api.example.com',
  path: '/tools/search',
  preflightFor: undefined,
}
const policy = policyFrom({
  version: 1,
  routes: [
    { match: { path: '/healthz' } },
    { name: 'post', match: { path: '/tools/**', methods: ['POST'] } },
    { name: 'plain', match: { path: '/**', scheme: 'http' } },
    { name: 'host', match: { path: '/**', host: 'b.example.com:8443' } },
    { name: 'rest', match: { path: '/tools/*' } },
  ],
})

describe('a match', () => {
  test('tells which part nobody told', () => {
    const missing = (part: Partial<Target>): unknown => policy.match({ ...target, ...part })
    const told = (it: string): unknown => ({
      kind: 'refused',
      reason: 'request_not_described',
      missing: it,
    })
    expect(missing({ method: undefined })).toEqual(told('method'))
    expect(missing({ scheme: undefined })).toEqual(told('scheme'))
    expect(missing({ host: undefined })).toEqual(told('host'))
    expect(missing({ path: undefined })).toEqual(told('path'))
    expect(missing({ host: 'b.example.com', scheme: undefined })).toEqual(told('scheme'))
    expect(missing({ host: 'a b' })).toEqual(told('host'))
  })

  test('finds one of ten thousand routes, whichever it is', () => {
    const many = policyFrom({
      version: 1,
      routes: Array.from({ length: 10_000 }, (_, i) => ({ match: { path: `/r${i}/**` } })),
    })
    for (const i of [0, 1, 4_999, 9_999]) {
      expect(many.match({ ...target, path: `/r${i}/x` })).toMatchObject({ route: { place: i + 1 } })
    }
    expect(many.match({ ...target, path: '/r10000/x' })).toEqual({ kind: 'none' })
  })

  test('takes no notice of a preflight that is not OPTIONS', () => {
    const cors = policyFrom({
      version: 1,
      routes: [{ match: { path: '/**' }, allow: 'preflight' }],
    })
    expect(cors.match({ ...target, preflightFor: 'PUT' }).kind).toBe('route')
    expect(cors.match({ ...target, method: 'OPTIONS', preflightFor: 'PUT' }).kind).toBe('preflight')
  })
})

describe('an explanation', () => {
  const whys = (part: Partial<Target>): readonly string[] =>
    policy
      .explain({ ...target, ...part })
      .map(({ name, matched, why }) => `${name} ${matched}: ${why}`)

  test('says of each route why it does not match, up to the one that does', () => {
    expect(whys({})).toEqual([
      '#1 false: the path does not match /healthz',
      'post false: the method is not one of POST',
      'plain false: the scheme is not http',
      'host false: the host is not b.example.com:8443',
      'rest true: the path matches /tools/*',
    ])
    expect(whys({ method: 'POST' })).toHaveLength(2)
  })

  test('ends where nobody can tell', () => {
    expect(whys({ path: undefined })).toEqual(['#1 false: nobody told the path'])
    expect(whys({ method: undefined }).at(-1)).toBe('post false: nobody told the method readably')
    expect(whys({ method: 'post' }).at(-1)).toBe('post false: nobody told the method readably')
    expect(whys({ host: undefined }).at(-1)).toBe('host false: nobody told the host readably')
    expect(whys({ path: '/HEALTHZ' })).toEqual([
      '#1 false: some backends take the path for /healthz and some do not, by its case, escapes, or a slash, dot or blank at an end',
    ])
  })

  test('is empty where the request is refused whatever the routes say', () => {
    expect(whys({ path: '/a//b' })).toEqual([])
    expect(whys({ host: 'a, b' })).toEqual([])
  })
})
