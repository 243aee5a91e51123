import fc from 'fast-check'
import type { RouteDocument } from '../../src/policy/policy.ts'
import type { Target } from '../../src/request/target.ts'

const segment = fc.constantFrom(
  'a',
  'b',
  'ab',
  'abc',
  'A',
  'x.json',
  'a b',
  'é',
  'admin',
  'b.',
  'ασ',
  'maß',
)
const patternSegment = fc.oneof(
  segment,
  fc.constantFrom('*', 'a*', '*b', 'a*c', '*.json', 'A*', 'ασ*'),
)

/** Paths of patterns that are often alike. */
export const pathPatterns: fc.Arbitrary<string> = fc
  .tuple(fc.array(patternSegment, { maxLength: 3 }), fc.constantFrom('', '', '/', '/**'))
  .map(([segments, end]) => {
    const path = segments.map((it) => `/${it}`).join('') + end
    return path === '' ? '/' : path
  })

const methods = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'OPTIONS')

const hosts = fc.constantFrom(
  'a.example.com',
  'b.example.com',
  '*.example.com',
  'a.example.com:8443',
  '*.b.example.com:443',
)

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq: 3 })
}

/** Routes whose conditions are often alike. */
export const routes: fc.Arbitrary<RouteDocument> = fc.record({
  match: fc.record({
    path: pathPatterns,
    host: maybe(hosts),
    scheme: maybe(fc.constantFrom('http' as const, 'https' as const)),
    methods: maybe(fc.uniqueArray(methods, { minLength: 1, maxLength: 3 })),
  }),
  allow: maybe(fc.constantFrom('preflight' as const, 'anonymous' as const)),
})

/** Raw paths near those of the patterns, some of them refused. */
const rawPaths = fc
  .tuple(
    fc.array(
      fc.oneof(
        segment.map(encodeURIComponent),
        fc.constantFrom(
          'x',
          '%61',
          'A',
          'a.',
          'caf%C3%A9',
          'a%20b',
          'AB.json',
          'B',
          '%41',
          'ADMIN',
          'admi%C2%ADn',
          '%C3%89',
          'e%CC%81',
          '%CE%91%CE%A3',
          '%CE%91%CE%A3x',
          '%CE%B1%CF%82',
          'ma%E1%BA%9E',
          '%EF%BD%81b',
          '..',
          '',
        ),
      ),
      { maxLength: 4 },
    ),
    fc.constantFrom('', '', '', '/'),
  )
  .map(([segments, end]) => segments.map((it) => `/${it}`).join('') + end)

/** Requests, with parts that nobody told. */
export const targets: fc.Arbitrary<Target> = fc.record({
  method: maybe(fc.oneof(methods, fc.constantFrom('get', 'M-SEARCH', 'OPTIONS', 'OPTIONS'))),
  scheme: maybe(fc.constantFrom('http' as const, 'https' as const)),
  host: maybe(
    fc.constantFrom(
      'a.example.com',
      'A.example.com.',
      'a.example.com:8443',
      'b.example.com:443',
      'x.b.example.com',
      'example.com',
      'a.example.com,b.example.com',
      '',
    ),
  ),
  path: maybe(rawPaths),
  preflightFor: maybe(methods),
})
