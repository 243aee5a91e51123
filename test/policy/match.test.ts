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
  })

  test('tells which part the client wrote so that nobody can read it', () => {
    const unreadable = (part: Partial<Target>): unknown => policy.match({ ...target, ...part })
    const refused = (it: string): unknown => ({
      kind: 'refused',
      reason: 'path_refused',
      unreadable: it,
    })
    for (const host of ['a b', 'a@b', 'x:', 'api..example.com', '[::zz]', 'a, b']) {
      expect(unreadable({ host }), host).toEqual(refused('host'))
    }
    for (const method of ['post', 'Post', 'POST x', 'POST\u0000']) {
      expect(unreadable({ method }), method).toEqual(refused('method'))
    }
    // What the proxy leaves out is still its own fault.
    expect(unreadable({ method: undefined, host: 'a@b' })).toMatchObject({ missing: 'method' })
  })

  test('looks at a host and a method only where a route that may decide names some', () => {
    const named = policyFrom({
      version: 1,
      routes: [
        { name: 'strict', match: { path: '/a/**', host: 'a.example.com', methods: ['PUT'] } },
        { name: 'rest', match: { path: '/**' } },
      ],
    })
    const odd = { ...target, host: 'a@b', method: 'put' }
    expect(named.match({ ...odd, path: '/b' })).toMatchObject({ route: { name: 'rest' } })
    expect(named.match({ ...odd, path: '/a/x' })).toMatchObject({ unreadable: 'method' })
    expect(named.match({ ...odd, method: 'PUT', path: '/a/x' })).toMatchObject({
      unreadable: 'host',
    })
    expect(named.match({ ...odd, method: 'GET', path: '/a/x' })).toMatchObject({
      route: { name: 'rest' },
    })
    expect(named.match({ ...odd, path: undefined })).toMatchObject({ kind: 'refused' })
    const unnamed = policyFrom({ version: 1, routes: [{ match: { path: '/**' } }] })
    expect(unnamed.match(odd).kind).toBe('route')
  })

  test('tells methods apart by all of their characters', () => {
    const odd = policyFrom({
      version: 1,
      routes: [
        { name: 'one', match: { path: '/**', methods: ['M-SEARCH'] } },
        { name: 'two', match: { path: '/**', methods: ['VERSION-CONTROL', 'X_Y.Z2'] } },
      ],
    })
    expect(odd.match({ ...target, method: 'M-SEARCH' })).toMatchObject({ route: { name: 'one' } })
    expect(odd.match({ ...target, method: 'X_Y.Z2' })).toMatchObject({ route: { name: 'two' } })
    for (const method of ['MSEARCH', 'M_SEARCH', 'X_Y.Z', '2-X']) {
      expect(odd.match({ ...target, method }), method).toEqual({ kind: 'none' })
    }
    for (const method of ['M-Search', 'M-SEARCH*', 'M SEARCH', 'M-SEARCH\u00c4', '']) {
      expect(odd.match({ ...target, method }), method).toMatchObject({ unreadable: 'method' })
    }
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
    expect(whys({ method: undefined }).at(-1)).toBe('post false: nobody told the method')
    expect(whys({ method: 'post' }).at(-1)).toBe('post false: the method cannot be read')
    expect(whys({ host: undefined }).at(-1)).toBe('host false: nobody told the host')
    expect(whys({ host: 'a, b' }).at(-1)).toBe('host false: the host cannot be read')
    expect(whys({ path: '/HEALTHZ' })).toEqual([
      '#1 false: some backends take the path for /healthz and some do not, by its case, escapes, or a slash, dot or blank at an end',
    ])
  })

  test('is empty where the request is refused whatever the routes say', () => {
    expect(whys({ path: '/a//b' })).toEqual([])
  })
})
