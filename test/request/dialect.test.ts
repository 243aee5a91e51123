import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/request/dialect.ts'
import { createDialect } from '../../src/request/dialect.ts'
import type { DirectRequest } from '../../src/request/direct.ts'
import { describeDirect } from '../../src/request/direct.ts'
import type { Target } from '../../src/request/target.ts'

type Lines = readonly (readonly [name: string, value: string])[]

const nothing: Target = {
  method: undefined,
  scheme: undefined,
  host: undefined,
  path: undefined,
  preflightFor: undefined,
}

function read(dialect: Dialect, lines: Lines, more: { method?: string; url?: string } = {}) {
  return createDialect(dialect, '/ext-authz')({ rawHeaders: lines.flat(), ...more })
}

const gist = (told: ReturnType<typeof read>): unknown =>
  'outcome' in told ? `${told.status} ${told.reason}` : told

const forwarded: Lines = [
  ['Host', '127.0.0.1:8900'],
  ['X-Forwarded-Method', 'POST'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Host', 'api.example.com:8443'],
  ['X-Forwarded-Uri', '/a%2Fb//c?x=/d#e'],
]
const told: Target = {
  method: 'POST',
  scheme: 'https',
  host: 'api.example.com:8443',
  path: '/a%2Fb//c',
  preflightFor: undefined,
}

describe('the forwarded dialect', () => {
  test('reads method, scheme, host and path, and nothing of the query', () => {
    expect(read('forwarded', forwarded)).toEqual(told)
  })

  test('leaves out what nobody told, and never takes the auth request for it', () => {
    expect(
      read('forwarded', [['Host', 'gate:8900']], { method: 'GET', url: '/ext-authz/x' }),
    ).toEqual(nothing)
  })

  test('takes an empty header for none', () => {
    expect(read('forwarded', [['X-Forwarded-Uri', '']])).toEqual(nothing)
  })

  test.each([
    ['ws', 'http'],
    ['WSS', 'https'],
    ['HTTP', 'http'],
    ['gopher', undefined],
  ])('knows %s as %s', (proto, scheme) => {
    expect(read('forwarded', [['X-Forwarded-Proto', proto]])).toEqual({ ...nothing, scheme })
  })

  test.each(['X-Original-URI', 'X-Original-URL', 'X-Original-Method', 'x-original-uri'])(
    'refuses a request that also carries %s with 400',
    (name) => {
      expect(gist(read('forwarded', [...forwarded, [name, '/public']]))).toBe(
        '400 request_ambiguous',
      )
    },
  )

  test.each(['X-Forwarded-Uri', 'X-Forwarded-Method', 'x-forwarded-host', 'X-FORWARDED-PROTO'])(
    'refuses two %s',
    (name) => {
      expect(gist(read('forwarded', [...forwarded, [name, 'https']]))).toBe('400 request_ambiguous')
    },
  )

  test.each([
    ['X-Forwarded-Host', 'a.example.com, b.example.com'],
    ['X-Forwarded-Proto', 'https,http'],
    ['X-Forwarded-Method', 'GET, POST'],
  ])('refuses a list in %s', (name, value) => {
    expect(gist(read('forwarded', [[name, value]]))).toBe('400 request_ambiguous')
  })

  test.each(['X_Forwarded_Uri', 'X-Forwarded-Url', 'X-Forwarded-Prefix', 'Forwarded'])(
    'does not read %s',
    (name) => {
      expect(read('forwarded', [...forwarded, [name, '/public']])).toEqual(told)
    },
  )
})

describe('a preflight', () => {
  const preflight: Lines = [
    ['X-Forwarded-Method', 'OPTIONS'],
    ['Origin', 'https://app.example.com'],
    ['Access-Control-Request-Method', 'PUT'],
  ]
  test('is OPTIONS with an origin and the method that it asks for', () => {
    expect(read('forwarded', preflight)).toMatchObject({ method: 'OPTIONS', preflightFor: 'PUT' })
  })

  test.each([0, 1, 2])('is none without its part %i', (part) => {
    const lacking = preflight.filter((_, i) => i !== part)
    expect(read('forwarded', lacking)).toMatchObject({ preflightFor: undefined })
  })

  test('is none as another method', () => {
    const [, ...rest] = preflight
    expect(read('forwarded', [['X-Forwarded-Method', 'GET'], ...rest])).toMatchObject({
      preflightFor: undefined,
    })
  })
})

describe('the original dialect', () => {
  test('reads everything from X-Original-URL', () => {
    const lines: Lines = [
      ['Host', 'gate'],
      ['X-Original-Method', 'POST'],
      ['X-Original-URL', 'https://api.example.com:8443/a%2Fb//c?x=1'],
    ]
    expect(read('original', lines)).toEqual(told)
  })

  test.each([
    ['http://a.example/', '/'],
    ['http://a.example/?x', '/'],
    ['http://a.example/x#y', '/x#y'],
  ])('reads the path of %s as %s', (url, path) => {
    expect(read('original', [['X-Original-URL', url]])).toMatchObject({ host: 'a.example', path })
  })

  test('reads X-Original-URI with the host of the auth request, and no scheme', () => {
    const lines: Lines = [
      ['Host', 'api.example.com'],
      ['X-Original-Method', 'GET'],
      ['X-Original-URI', '/x?y'],
    ]
    expect(read('original', lines)).toEqual({
      method: 'GET',
      scheme: undefined,
      host: 'api.example.com',
      path: '/x',
      preflightFor: undefined,
    })
  })

  // nginx takes `?` in a Host: what follows it here would still be the path that a backend serves.
  test.each([
    '/x',
    'api.example.com/x',
    '//api.example.com/x',
    'https:///x',
    'https://api.example.com',
    'https://api.example.com?/admin',
    'https://api.example.com#/admin',
    '',
  ])('refuses %j as a URL, or leaves it untold', (url) => {
    const seen = read('original', [['X-Original-URL', url]])
    expect(gist(seen)).toEqual(url === '' ? nothing : '400 request_ambiguous')
  })

  test('refuses a URL and a URI that differ', () => {
    const url = ['X-Original-URL', 'https://a.example/x?q'] as const
    expect(gist(read('original', [url, ['X-Original-URI', '/y']]))).toBe('400 request_ambiguous')
    expect(read('original', [url, ['X-Original-URI', '/x?q']])).toMatchObject({ path: '/x' })
  })

  test.each(['X-Forwarded-Uri', 'X-Forwarded-Method'])('refuses %s with 400', (name) => {
    expect(
      gist(
        read('original', [
          ['X-Original-URI', '/x'],
          [name, '/x'],
        ]),
      ),
    ).toBe('400 request_ambiguous')
  })

  test('takes X-Forwarded-Proto and -Host for nothing', () => {
    const lines: Lines = [
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'api.example.com'],
    ]
    expect(read('original', lines)).toEqual(nothing)
  })
})

describe('the Envoy dialect', () => {
  const lines: Lines = [
    ['Host', 'api.example.com'],
    ['X-Forwarded-Proto', 'https'],
  ]
  test('takes the auth request for the client own, below /ext-authz', () => {
    expect(read('envoy', lines, { method: 'PUT', url: '/ext-authz/a/../b?x' })).toEqual({
      method: 'PUT',
      scheme: 'https',
      host: 'api.example.com',
      path: '/a/../b',
      preflightFor: undefined,
    })
  })

  test.each(['/ext-authz', '/ext-authz?x', '/oauth2/token/verify', '/ext-authzz/a'])(
    'knows no path from %s',
    (url) => {
      expect(read('envoy', lines, { method: 'GET', url })).toMatchObject({ path: undefined })
    },
  )

  test.each([
    'X-Forwarded-Uri',
    'X-Forwarded-Method',
    'X-Original-URI',
    'X-Original-URL',
    'X-Original-Method',
  ])('refuses %s with 400', (name) => {
    const more = { method: 'GET', url: '/ext-authz/x' }
    expect(gist(read('envoy', [...lines, [name, '/x']], more))).toBe('400 request_ambiguous')
  })
})

describe('a request in an app', () => {
  const request = (more: Partial<DirectRequest> = {}): DirectRequest => ({
    rawHeaders: ['Host', 'api.example.com', 'X-Forwarded-Uri', '/public'],
    method: 'GET',
    url: '/orders?x=1',
    socket: {},
    ...more,
  })

  test('is what stands before us, whatever a proxy may have said', () => {
    expect(describeDirect(request())).toEqual({
      method: 'GET',
      scheme: 'http',
      host: 'api.example.com',
      path: '/orders',
      preflightFor: undefined,
    })
  })

  test('is https on an encrypted socket', () => {
    expect(describeDirect(request({ socket: { encrypted: true } })).scheme).toBe('https')
  })

  test('is told by the URL before a router took its prefix away', () => {
    expect(describeDirect(request({ originalUrl: '/v1/orders?x' })).path).toBe('/v1/orders')
  })

  test('has no host where two are named', () => {
    const rawHeaders = ['Host', 'a.example', 'host', 'b.example']
    expect(describeDirect(request({ rawHeaders })).host).toBeUndefined()
  })

  test('may be a preflight', () => {
    const rawHeaders = ['Origin', 'https://a.example', 'access-control-request-method', 'PUT']
    const told = describeDirect(request({ method: 'OPTIONS', rawHeaders }))
    expect(told).toMatchObject({ method: 'OPTIONS', preflightFor: 'PUT' })
    expect(describeDirect(request({ rawHeaders })).preflightFor).toBeUndefined()
  })
})
