import { describe, expect, test } from 'vitest'
import type { GateOptions } from '../../src/gate/options.ts'
import { createGate } from '../../src/gate.ts'

const url = 'http://127.0.0.1:9'
const make = (options: unknown): ReturnType<typeof createGate> => createGate(options as GateOptions)

describe('an option that cannot be used stops the start and is named', () => {
  test.each<readonly [string, unknown]>([
    ['url', undefined],
    ['url', null],
    ['url', {}],
    ['url', 'x'],
    ['url', { url: 7 }],
    ['url', { url: '' }],
    ['url', { url: 'zeroid:8899' }],
    ['url', { url: 'ftp://zeroid' }],
    ['url', { url: 'http://user:pass@zeroid' }],
    ['url', { url: 'http://:pass@zeroid' }],
    ['url', { url: 'http://zeroid/?a=b' }],
    ['url', { url: 'http://zeroid/#a' }],
    ['maxStalenes', { url, maxStalenes: 5_000 }],
    ['__proto__', JSON.parse(`{"url":"${url}","__proto__":1}`)],
    ['issuer', { url, issuer: '' }],
    ['issuer', { url, issuer: 7 }],
    ['issuer', { url, issuer: 'http://a\r\nb' }],
    ['adminPrefix', { url, adminPrefix: 7 }],
    ['tenants', { url, tenants: 'acct/proj' }],
    ['tenants', { url, tenants: [] }],
    ['tenants', { url, tenants: ['acct/proj'] }],
    ['tenants', { url, tenants: [{ accountId: 'a' }] }],
    ['tenants', { url, tenants: [{ accountId: 'a', projectId: '' }] }],
    ['tenants', { url, tenants: [null] }],
    ['apiKey', { url, apiKey: 7 }],
    ['adminToken', { url, adminToken: '' }],
    ['adminToken', { url, adminToken: 'a\nb' }],
    ['clientSecret', { url, clientId: 'a' }],
    ['clientId', { url, clientSecret: 'a' }],
    ['clientId', { url, clientId: 7, clientSecret: 'a' }],
    ['caFile', { url, caFile: 7 }],
    ['mode', { url, mode: 'fast' }],
    ['mode', { url, mode: ['hybrid'] }],
    ['mode', { url, mode: null }],
    ['mode', { url, mode: 'local', signals: false }],
    ['signals', { url, signals: 'off' }],
    ['signals', { url, signals: 0 }],
    ['onUnknown', { url, onUnknown: 'ask' }],
    ['audience', { url, audience: 'https://a.example' }],
    ['audience', { url, audience: [] }],
    ['audience', { url, audience: [''] }],
    ['audience', { url, audience: [7] }],
    ['observer', { url, observer: () => {} }],
    ['observer', { url, observer: 7 }],
    ['clock', { url, clock: Date }],
    ['clock', { url, clock: {} }],
    ...['maxStaleness', 'signalPoll', 'streamRenew', 'maxTokenLifetime'].flatMap((name) =>
      [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5s', '5000', null, {}].map(
        (value) => [name, { url, [name]: value }] as const,
      ),
    ),
    ...['introspectConcurrency', 'cacheTokens', 'maxTenants'].flatMap((name) =>
      [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null].map(
        (value) => [name, { url, [name]: value }] as const,
      ),
    ),
    // With such a leeway no token would ever expire.
    ...[-1, Number.NaN, Number.POSITIVE_INFINITY, '5s', 30_001, null].map(
      (value) => ['clockSkew', { url, clockSkew: value }] as const,
    ),
  ])('%s: %j', (name, options) => {
    expect(() => make(options)).toThrow(TypeError)
    expect(() => make(options)).toThrow(`"${name}"`)
  })

  test('and no secret is in the message', () => {
    const secrets = {
      adminToken: 'hush\n',
      apiKey: 'hush\n',
      clientSecret: 'hush\n',
      clientId: 'a',
    }
    for (const name of ['adminToken', 'apiKey', 'clientSecret'] as const) {
      const options = { url, clientId: 'a', clientSecret: 'b', [name]: secrets[name] }
      expect(() => make(options)).toThrow(`"${name}"`)
      expect(() => make(options)).not.toThrow('hush')
    }
    expect(() => make({ url: 'http://user:hush@zeroid' })).not.toThrow('hush')
  })
})

test('a CA file that cannot be read stops the start', () => {
  expect(() => make({ url, caFile: '/nonexistent/ca.pem' })).toThrow('ENOENT')
})

test('options that are undefined are as if they were not there', async () => {
  const names = [
    'issuer',
    'tenants',
    'mode',
    'clockSkew',
    'audience',
    'observer',
    'clock',
    'caFile',
  ]
  const gate = make({ url, ...Object.fromEntries(names.map((name) => [name, undefined])) })
  expect(gate.status()).toMatchObject({ mode: 'hybrid', tokens: 0 })
  await gate.close()
})

test.each([
  'listen',
  'adminListen',
  'dialect',
  'emptyHeaders',
  'logLevel',
  'logFormat',
  'policyFile',
  'resourceMetadata',
])('a setting of the sidecar is no option of the engine: %s', (name) => {
  expect(() => make({ url, [name]: 'x' })).toThrow(`"${name}" is no option of the gate`)
})

test('a policy file that would be passed over says where it belongs', () => {
  expect(() => make({ url, policyFile: 'policy.yaml' })).toThrow('"policy" of the middleware')
})
