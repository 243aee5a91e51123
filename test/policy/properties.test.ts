import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inspectPolicy } from '../../src/policy/check.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { Target } from '../../src/request/target.ts'
import { routes, targets } from './arbitraries.ts'
import { backends } from './backends.ts'
import { keyOf, matchLinearly, placeOf } from './oracle.ts'

describe('the index', () => {
  test('finds the route that is found by looking at each', () => {
    const kinds = new Map<string, number>()
    const property = fc.property(
      fc.array(routes, { maxLength: 12 }),
      fc.array(targets, { minLength: 20, maxLength: 20 }),
      (documents, requests) => {
        const policy = policyFrom({ version: 1, routes: documents })
        for (const target of requests) {
          const match = policy.match(target)
          kinds.set(match.kind, (kinds.get(match.kind) ?? 0) + 1)
          expect(keyOf(match)).toEqual(keyOf(matchLinearly(policy, target)))
        }
      },
    )
    fc.assert(property, { numRuns: 600 })
    // Nothing of it was left out by chance.
    for (const kind of ['route', 'none', 'refused', 'preflight']) {
      expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(10)
    }
  })

  test('says the same when it is asked again', () => {
    const property = fc.property(
      fc.array(routes, { maxLength: 8 }),
      targets,
      (documents, target) => {
        const policy = policyFrom({ version: 1, routes: documents })
        expect(policy.match({ ...target })).toBe(policy.match(target))
      },
    )
    fc.assert(property, { numRuns: 500 })
  })
})

describe('a path that is let through', () => {
  /** Ways to write a path otherwise, one step each. */
  const steps: readonly ((path: string, at: number) => string)[] = [
    (path, at) => replaceAt(path, at, hex),
    (path, at) => replaceAt(path, at, (char) => hex(char).toUpperCase()),
    (path, at) => replaceAt(path, at, (char) => hex(char).replace('%', '%25')),
    (path, at) => replaceAt(path, at, (char) => char.toUpperCase()),
    (path, at) => replaceAt(path, at, (char) => `%u00${hex(char).slice(1)}`),
    ...[
      '/',
      '//',
      '/./',
      '/../',
      '/x/../',
      '/..',
      '/.',
      '.',
      '..',
      '%2e',
      '%2e%2e/',
      '/%2e%2e/',
      ';',
      ';x=1',
      '/..;/',
      '%3b',
      '%2f',
      '%5c',
      '\\',
      '%5c..%5c',
      '%00',
      '%20',
      '%23',
      '#',
      '?',
      '%3f',
      '%252f',
      '%252e%252e/',
      '%c0%af',
      '%c0%ae',
      '%EF%BC%8F',
      '%EF%BC%8E',
      '%E2%80%A5',
      '%C2%AD',
      '%E2%80%8B',
      '%C5%BF',
      '%EF%BD%81',
      'e%CC%81',
      '%C3%89',
      '%',
      '%6',
    ].map((text) => (path: string, at: number) => path.slice(0, at) + text + path.slice(at)),
  ]
  const bases = fc.constantFrom(
    '/admin',
    '/admin/users',
    '/public/x',
    '/reports/may.json',
    '/caf%C3%A9/menu',
    '/a%20b/x',
    '/v1/things/7',
    '/v1:act',
    '/',
  )
  const raws = fc
    .tuple(bases, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 3 }))
    .map(([base, changes]) =>
      changes.reduce<string>((path, [step, at]) => {
        const change = steps[step % steps.length]
        return change === undefined ? path : change(path, 1 + (at % path.length))
      }, base),
    )

  const patterns = fc.constantFrom(
    '/admin/**',
    '/admin',
    '/admin/',
    '/Admin/**',
    '/admin/users',
    '/public/**',
    '/public/*',
    '/reports/*.json',
    '/reports/*',
    '/reports/**',
    '/café/menu',
    '/CAFÉ/*',
    '/a b/**',
    '/v1/things/*',
    '/v1/**',
    '/v*/things/**',
    '/*:act',
    '/v1:act',
    '/x/**',
    '/*/x',
    '/*',
    '/',
    '/**',
  )
  const lists = fc.uniqueArray(patterns, { minLength: 1, maxLength: 6 })

  test.each(backends)('comes to the route that $name serves', (backend) => {
    let passed = 0
    let odd = 0
    const property = fc.property(lists, raws, (paths, raw) => {
      const policy = policyFrom({ version: 1, routes: paths.map((path) => ({ match: { path } })) })
      const match = policy.match(pathAlone(raw))
      if (match.kind === 'refused') return
      // Whatever stands behind `?` is nobody's path.
      const served = backend.serves(raw.split('?')[0] ?? '')
      if (served === undefined) return
      passed += 1
      if (served !== raw || /[A-Z]/.test(raw)) odd += 1
      expect([raw, served, placeOf(policy, served, backend)]).toEqual([
        raw,
        served,
        'route' in match ? match.route.place : 0,
      ])
    })
    fc.assert(property, { numRuns: 4_000 })
    expect(passed).toBeGreaterThan(500)
    expect(odd).toBeGreaterThan(50)
  })

  test('is never ambiguous where it is written plainly in a policy of plain patterns', () => {
    const plain = fc.constantFrom('/a/**', '/a/b', '/a/*', '/*/b', '/c.d/*', '/**')
    const written = fc.constantFrom('/a', '/a/b', '/a/c', '/c.d/x', '/x/b', '/q/r/s')
    const property = fc.property(fc.array(plain, { minLength: 1 }), written, (paths, raw) => {
      const policy = policyFrom({ version: 1, routes: paths.map((path) => ({ match: { path } })) })
      expect(policy.match(pathAlone(raw)).kind).not.toBe('refused')
    })
    fc.assert(property, { numRuns: 500 })
  })
})

describe('a route that is said to be unreachable', () => {
  test('decides on no request', () => {
    let said = 0
    const property = fc.property(
      fc.array(routes, { minLength: 6, maxLength: 12 }),
      fc.array(targets, { minLength: 30, maxLength: 30 }),
      (documents, requests) => {
        const policy = policyFrom({ version: 1, routes: documents })
        const places = unreachablePlaces(policy)
        said += places.size
        for (const target of requests) {
          const match = policy.match(target)
          if ('route' in match) expect(places).not.toContain(match.route.place)
        }
      },
    )
    fc.assert(property, { numRuns: 600 })
    expect(said).toBeGreaterThan(30)
  })
})

function unreachablePlaces(policy: Policy): ReadonlySet<number> {
  const places = inspectPolicy(policy).errors.flatMap(({ place = 0, message }) =>
    message.startsWith('matches every request')
      ? policy.routes.slice(place).map((route) => route.place)
      : [place],
  )
  return new Set(places)
}

function pathAlone(path: string): Target {
  return {
    method: 'GET',
    scheme: 'https',
    host: 'api.example.com',
    path: path.split('?')[0],
    preflightFor: undefined,
  }
}

function replaceAt(text: string, at: number, change: (char: string) => string): string {
  const char = text[at]
  // Not within an escape, nor a slash that would be another segment.
  if (char === undefined || !/[a-z.]/.test(char) || /%.?$/.test(text.slice(0, at))) return text
  return text.slice(0, at) + change(char) + text.slice(at + 1)
}

function hex(char: string): string {
  return `%${char.charCodeAt(0).toString(16)}`
}
