import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { engineSettings, settingsTable } from '../../src/config/table.ts'
import type { Environment } from '../../src/config.ts'
import { readSettings } from '../../src/config.ts'
import { SettingsError } from '../../src/errors.ts'
import { createGate } from '../../src/gate.ts'

const ZEROID_URL = 'http://zeroid:8899'
const read = (env: Environment): ReturnType<typeof readSettings> =>
  readSettings({ ZEROID_URL, ...env })

/** Each problem as `NAME: message`; empty where the settings can be used. */
function problemsOf(env: Environment): string[] {
  try {
    readSettings(env)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    const { problems, message } = error as SettingsError
    const lines = problems.map((problem) => `${problem.setting}: ${problem.message}`)
    expect(message.split('\n')).toEqual(lines)
    return lines
  }
}

describe('the settings', () => {
  test('need one variable; the rest has the defaults of the table', () => {
    expect(read({})).toEqual({
      url: ZEROID_URL,
      adminPrefix: '/api/v1',
      tenants: 'auto',
      listen: { host: '127.0.0.1', port: 8900 },
      adminListen: { host: '127.0.0.1', port: 8901 },
      mode: 'hybrid',
      signals: true,
      maxStaleness: 30_000,
      signalPoll: 5_000,
      streamRenew: 10_000,
      introspectConcurrency: 64,
      onUnknown: 'deny',
      clockSkew: 5_000,
      maxTokenLifetime: 86_400_000,
      cacheTokens: 100_000,
      maxTenants: 256,
      emptyHeaders: false,
      dialect: 'forwarded',
      dpop: true,
      dpopProofs: 100_000,
      dpopNonce: false,
      logLevel: 'info',
      logFormat: 'json',
    })
    expect(Object.isFrozen(read({}))).toBe(true)
  })

  test('are options that a gate takes as they are', async () => {
    const settings = read({
      ZEROID_API_KEY: 'zid_sk_1',
      ZEROID_CLIENT_ID: 'a',
      ZEROID_CLIENT_SECRET: 'b',
      ZEROID_TENANTS: 'a/b',
      ZEROID_ISSUER: 'https://zeroid.example',
      GATE_AUDIENCE: 'https://api.example',
      GATE_RESOURCE_METADATA: 'https://gate.example/meta',
      GATE_SIGNALS: 'off',
    })
    const gate = createGate(engineSettings(settings))
    expect(gate.issuer()).toBe('https://zeroid.example')
    await gate.close()
  })

  test.each<readonly [string, string, string, unknown]>([
    ['ZEROID_URL', 'https://zeroid.example/base/', 'url', 'https://zeroid.example/base'],
    ['GATE_POLICY_FILE', '/etc/gate/policy.yaml', 'policyFile', '/etc/gate/policy.yaml'],
    ['GATE_DIALECT', 'envoy', 'dialect', 'envoy'],
    ['GATE_DPOP', 'off', 'dpop', false],
    ['GATE_DPOP_PROOFS', '5000', 'dpopProofs', 5_000],
    ['GATE_DPOP_NONCE', 'on', 'dpopNonce', true],
    ['GATE_PUBLIC_URL', 'https://api.example.com/v1/', 'publicUrl', 'https://api.example.com/v1'],
    ['GATE_PUBLIC_URL', 'https://bücher.example', 'publicUrl', 'https://xn--bcher-kva.example'],
    [
      'GATE_PUBLIC_URL',
      'https://bücher.example:8443/für/',
      'publicUrl',
      'https://xn--bcher-kva.example:8443/f%C3%BCr',
    ],
    ['ZEROID_URL', 'https://łódź.example/', 'url', 'https://xn--d-uga0v4h.example'],
    ['ZEROID_ISSUER', 'https://zeroid.example/', 'issuer', 'https://zeroid.example/'],
    ['ZEROID_ADMIN_PREFIX', '', 'adminPrefix', '/api/v1'],
    ['ZEROID_ADMIN_PREFIX', '/admin/v2', 'adminPrefix', '/admin/v2'],
    [
      'ZEROID_TENANTS',
      'a/b, c:d/e',
      'tenants',
      [
        { accountId: 'a', projectId: 'b' },
        { accountId: 'c:d', projectId: 'e' },
      ],
    ],
    ['GATE_LISTEN', 'unix:/run/gate.sock', 'listen', { path: '/run/gate.sock' }],
    ['GATE_LISTEN', '[::1]:8900', 'listen', { host: '::1', port: 8900 }],
    ['GATE_LISTEN', '[::]:0', 'listen', { host: '::', port: 0 }],
    ['GATE_LISTEN', 'localhost:65535', 'listen', { host: 'localhost', port: 65_535 }],
    ['GATE_ADMIN_LISTEN', '0.0.0.0:1', 'adminListen', { host: '0.0.0.0', port: 1 }],
    ['GATE_MODE', 'live', 'mode', 'live'],
    ['GATE_SIGNALS', 'off', 'signals', false],
    ['GATE_MAX_STALENESS', '1000ms', 'maxStaleness', 1_000],
    ['GATE_MAX_STALENESS', '1.5s', 'maxStaleness', 1_500],
    ['GATE_MAX_STALENESS', '1h', 'maxStaleness', 3_600_000],
    ['GATE_MAX_TOKEN_LIFETIME', '90d', 'maxTokenLifetime', 7_776_000_000],
    ['GATE_CLOCK_SKEW', '0s', 'clockSkew', 0],
    ['GATE_CLOCK_SKEW', '30s', 'clockSkew', 30_000],
    ['GATE_INTROSPECT_CONCURRENCY', '1', 'introspectConcurrency', 1],
    ['GATE_AUDIENCE', 'https://a, https://b', 'audience', ['https://a', 'https://b']],
    ['GATE_EMPTY_HEADERS', 'true', 'emptyHeaders', true],
    ['ZEROID_API_KEY', 'zid_sk_a b', 'apiKey', 'zid_sk_a b'],
  ])('%s=%j is read', (name, value, key, expected) => {
    expect(read({ [name]: value })).toMatchObject({ [key]: expected })
  })
})

describe('a value that is not accepted', () => {
  const refused: Record<string, readonly string[]> = {
    ZEROID_URL: ['zeroid:8899', 'ftp://zeroid', 'http://', 'http://a?b=c', 'http://a#b', '/x', ' '],
    ZEROID_ISSUER: ['zeroid', 'ftp://a', 'https://a b', 'https://a"b', 'https://a\n'],
    ZEROID_ADMIN_PREFIX: ['api', '/api/', '/a b', '/a?b', 'http://a'],
    ZEROID_TENANTS: ['a', 'a/', '/b', 'a/b/c', 'a/b,', 'AUTO', ',', 'auto,a/b'],
    ZEROID_API_KEY: ['é', 'a\nb', 'a\tb'],
    GATE_LISTEN: [
      '8900',
      ':8900',
      'a:',
      'a:b',
      'a:65536',
      'a:-1',
      '::1:80',
      'unix:',
      'unix:x',
      'http://a:1',
      'a:1:2',
    ],
    GATE_MODE: ['Hybrid', 'fast'],
    GATE_SIGNALS: ['true', 'ON', '1', 'yes'],
    GATE_MAX_STALENESS: [
      '30',
      '30 s',
      '-1s',
      '999ms',
      '61m',
      '1e3s',
      '0x1s',
      '1m30s',
      'Infinitys',
      '.5s',
      's',
      'NaNs',
      '1S',
    ],
    GATE_SIGNAL_POLL: ['0s', '99ms', '11m'],
    GATE_STREAM_RENEW: ['499ms', '2h'],
    GATE_CLOCK_SKEW: ['31s', '-1s', '5'],
    GATE_INTROSPECT_CONCURRENCY: ['0', '-1', '1.5', '10001', '1e3', '0x10', ' 1', '९'],
    GATE_ON_UNKNOWN: ['503', 'Allow', 'ask'],
    GATE_AUDIENCE: [',', 'a,,b', ' '],
    GATE_CACHE_TOKENS: ['0', '10000001'],
    GATE_MAX_TENANTS: ['0'],
    GATE_RESOURCE_METADATA: ['/meta', 'https://a"b'],
    GATE_EMPTY_HEADERS: ['on', '1', 'TRUE'],
    GATE_DIALECT: ['nginx', 'Forwarded', 'forwarded,envoy'],
    GATE_DPOP: ['true', 'ON', '1', 'required'],
    GATE_DPOP_PROOFS: ['999', '10000001', '-1', '1e5', '5000.5'],
    GATE_DPOP_NONCE: ['true', 'ON', '1'],
    GATE_DPOP_NONCE_SECRET: ['fifteen letters', 'sixteen letters é', 'sixteen\tletters..'],
    GATE_PUBLIC_URL: [
      'api.example.com',
      '/v1',
      'https://a?b',
      'https://a#b',
      'ftp://a',
      'https://',
      'https:/a',
      'https:\\\\a',
      'https://a?',
      'https://a#',
      'https://a/%zz',
      'https://%61.example',
      'https://a b.example',
      'https://a\tb',
      `https://a/${'x'.repeat(10_000)}`,
    ],
    GATE_LOG_LEVEL: ['trace', 'INFO'],
    GATE_LOG_FORMAT: ['text'],
  }

  test.each(Object.entries(refused))(
    'of %s is named, shown and told what is accepted',
    (name, values) => {
      const setting = settingsTable.find(({ env }) => env === name)
      expect(setting).toBeDefined()
      for (const value of values) {
        const problems = problemsOf({ ZEROID_URL, [name]: value })
        expect([value, problems]).toEqual([value, [expect.stringMatching(`^${name}: `)]])
        expect(problems[0]).toContain(setting?.accepts)
        if (setting?.secret === undefined) expect(problems[0]).toContain(JSON.stringify(value))
        else expect(problems[0]).not.toContain(value)
      }
    },
  )

  test('is never one that only the gate would refuse', async () => {
    const urls = [
      ...['https://bücher.example', 'https://例え.テスト/パス', 'HTTPS://API.example:443//v1//'],
      ...(refused.GATE_PUBLIC_URL ?? []),
    ]
    let accepted = 0
    for (const GATE_PUBLIC_URL of urls) {
      if (problemsOf({ ZEROID_URL, GATE_PUBLIC_URL }).length > 0) continue
      accepted += 1
      const settings = readSettings({ ZEROID_URL, GATE_PUBLIC_URL })
      await createGate(engineSettings(settings)).close()
    }
    expect(accepted).toBe(3)
  })

  test('is reported together with all others', () => {
    const problems = problemsOf({
      ZEROID_TENANTS: 'x',
      GATE_MODE: 'fast',
      GATE_MAX_STALENESS: '30',
      ZEROID_CLIENT_ID: 'a',
      ZEROID_API_KEY_FILE: '/nonexistent/key',
      GATE_TYPO: '1',
      ZEROID_TPYO: '1',
    })
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'ZEROID_URL',
      'ZEROID_TENANTS',
      'ZEROID_API_KEY_FILE',
      'GATE_MODE',
      'GATE_MAX_STALENESS',
      'GATE_TYPO',
      'ZEROID_TPYO',
      'ZEROID_CLIENT_SECRET',
    ])
    expect(problems[0]).toBe(
      'ZEROID_URL: is required: an http or https URL without query, such as http://zeroid:8899',
    )
  })
})

const secrets = settingsTable.filter(({ secret }) => secret === true).map(({ env }) => env)

describe('a secret', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zeroid-gate-'))
  const file = join(directory, 'secret')

  test.each(secrets)('%s comes from a mounted file, without its last line end', (name) => {
    writeFileSync(file, 'given by the file\n')
    const companions = {
      ...(name === 'ZEROID_CLIENT_SECRET' ? { ZEROID_CLIENT_ID: 'a' } : {}),
      ...(name === 'GATE_DPOP_NONCE_SECRET' ? { GATE_DPOP_NONCE: 'on' } : {}),
    }
    const settings = Object.values(read({ [`${name}_FILE`]: file, ...companions }))
    expect(settings).toContain('given by the file')
    // An empty variable is an unset one, as compose files leave them.
    expect(Object.values(read({ [`${name}_FILE`]: file, [name]: '', ...companions }))).toContain(
      'given by the file',
    )
    expect(
      Object.values(
        read({ [`${name}_FILE`]: '', [name]: 'given directly, in full', ...companions }),
      ),
    ).toContain('given directly, in full')
  })

  test.each(secrets)('%s is never in a message', (name) => {
    const secret = 'hush-hush'
    writeFileSync(file, `${secret}\nsecond line`)
    const companions = name === 'ZEROID_CLIENT_SECRET' ? {} : { ZEROID_CLIENT_ID: 'a' }
    for (const env of [
      { [name]: `${secret}\u0001` },
      { [`${name}_FILE`]: file },
      { [name]: secret, [`${name}_FILE`]: file },
      { [name]: secret, GATE_MODE: 'x', ...companions },
      { ZEROID_API_KEY: secret, ZEROID_ADMIN_TOKEN: secret },
    ]) {
      const problems = problemsOf({ ZEROID_URL, ...env })
      expect(problems).not.toEqual([])
      expect(problems.join()).not.toContain('hush')
      expect(problems.join()).not.toContain('second line')
    }
  })

  test('in a URL is refused and not repeated', () => {
    for (const [name, url] of [
      ['ZEROID_URL', 'http://user:hush@zeroid'],
      ['ZEROID_URL', 'http://:hush@zeroid'],
      ['ZEROID_URL', 'http://hush@zeroid?x'],
      ['ZEROID_URL', 'http://user:hu@sh@zeroid/?x'],
      ['ZEROID_ISSUER', 'http://user:hush@zeroid x'],
      ['ZEROID_TENANTS', 'zid_sk_hush'],
    ] as const) {
      const problems = problemsOf({ ZEROID_URL, [name]: url })
      expect(problems).toEqual([expect.stringMatching(`^${name}: `)])
      expect(problems[0]).not.toMatch(/hush|hu@sh/)
    }
  })

  test('in a file that cannot be read stops the start: file, reason, no content', () => {
    expect(problemsOf({ ZEROID_URL, ZEROID_API_KEY_FILE: '/nonexistent/key' })).toEqual([
      'ZEROID_API_KEY_FILE: "/nonexistent/key" cannot be read (ENOENT)',
    ])
    expect(problemsOf({ ZEROID_URL, ZEROID_ADMIN_TOKEN_FILE: directory })).toEqual([
      `ZEROID_ADMIN_TOKEN_FILE: ${JSON.stringify(directory)} cannot be read (EISDIR)`,
    ])
    writeFileSync(file, '\n')
    expect(problemsOf({ ZEROID_URL, ZEROID_API_KEY_FILE: file })).toEqual([
      'ZEROID_API_KEY: the value given is not printable ASCII',
    ])
  })

  test('given twice is a contradiction', () => {
    writeFileSync(file, 'a')
    expect(problemsOf({ ZEROID_URL, ZEROID_API_KEY: 'b', ZEROID_API_KEY_FILE: file })).toEqual([
      'ZEROID_API_KEY: set it or ZEROID_API_KEY_FILE, not both',
    ])
  })
})

describe('contradictions', () => {
  test.each<readonly [Environment, string]>([
    [{ ZEROID_CLIENT_ID: 'a' }, 'ZEROID_CLIENT_SECRET: ZEROID_CLIENT_ID needs it'],
    [{ ZEROID_CLIENT_SECRET: 'a' }, 'ZEROID_CLIENT_ID: ZEROID_CLIENT_SECRET needs it'],
    [
      { ZEROID_API_KEY: 'a', ZEROID_ADMIN_TOKEN: 'b' },
      'ZEROID_API_KEY: set it or ZEROID_ADMIN_TOKEN, not both',
    ],
    [
      { GATE_DPOP_NONCE_SECRET: 'a secret of sixteen' },
      'GATE_DPOP_NONCE_SECRET: needs GATE_DPOP_NONCE=on: without it nobody is given a nonce',
    ],
    [{ GATE_DPOP: 'off', GATE_DPOP_NONCE: 'on' }, 'GATE_DPOP_NONCE: needs GATE_DPOP=on'],
    [
      { GATE_MODE: 'local', GATE_SIGNALS: 'off' },
      'GATE_MODE: "local" needs GATE_SIGNALS=on: nothing else would see a revocation',
    ],
  ])('%j', (env, problem) => {
    expect(problemsOf({ ZEROID_URL, ...env })).toEqual([problem])
  })
})

describe('names', () => {
  test('that no setting has are refused, also those that look like a file of one', () => {
    for (const name of [
      'GATE_MAX_STALENES',
      'ZEROID_URLS',
      'GATE_',
      'ZEROID_TOKEN',
      'GATE_MODE_FILE',
      'ZEROID_URL_FILE',
      'ZEROID_CLIENT_ID_FILE',
      'GATE_LISTEN_PORT_X',
    ]) {
      expect(problemsOf({ ZEROID_URL, [name]: 'x' })).toEqual([expect.stringMatching(`^${name}: `)])
    }
  })

  test('that Kubernetes sets for services called zeroid and gate are left alone', () => {
    const links = ['ZEROID', 'GATE', 'GATE_ADMIN'].flatMap((service) => [
      `${service}_SERVICE_HOST`,
      `${service}_SERVICE_PORT`,
      `${service}_SERVICE_PORT_HTTP`,
      `${service}_SERVICE_PORT_ADMIN_API`,
      `${service}_PORT`,
      `${service}_PORT_8899_TCP`,
      `${service}_PORT_8899_TCP_PROTO`,
      `${service}_PORT_8899_TCP_PORT`,
      `${service}_PORT_8899_TCP_ADDR`,
      `${service}_PORT_53_UDP_ADDR`,
    ])
    const env = Object.fromEntries(links.map((name) => [name, 'tcp://10.0.0.1:8899']))
    expect(problemsOf({ ZEROID_URL, ...env })).toEqual([])
  })

  test('of others are none of our business', () => {
    expect(
      problemsOf({ ZEROID_URL, PATH: '/bin', AGATE_X: '1', gate_mode: 'x', MY_ZEROID_URL: 'x' }),
    ).toEqual([])
  })

  test('are each in the table once, with a sentence', () => {
    const names = settingsTable.map(({ env }) => env)
    expect(new Set(names).size).toBe(names.length)
    for (const { env, help, required, fallback, schema } of settingsTable) {
      expect(env).toMatch(/^(ZEROID|GATE)_[A-Z_]+$/)
      expect(help).toMatch(/\.$/)
      expect(required === true && fallback !== undefined).toBe(false)
      if (fallback !== undefined) expect(schema.safeParse(fallback).success).toBe(true)
    }
  })
})
