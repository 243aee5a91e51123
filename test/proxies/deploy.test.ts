import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { identityHeaderNames } from '../../src/http/identity-headers.ts'
import { inspectPolicy } from '../../src/policy/check.ts'
import { parsePolicy } from '../../src/policy/document.ts'
import { identityHeaderPattern } from '../../src/proxies/headers.ts'
import { configFor, proxyKinds } from '../../src/proxies/index.ts'
import { defaultOptions } from '../../src/proxies/options.ts'
import { dialects } from '../../src/request/dialect.ts'

const deploy = new URL('../../deploy/', import.meta.url)
const folder = (kind: string): string => (kind === 'compose' ? '' : `${kind}/`)

describe.each(proxyKinds)('deploy: %s', (kind) => {
  const files = Object.entries(configFor(kind, defaultOptions))

  test.each(files)('%s is what the command prints', (name, text) => {
    const shipped = new URL(`${folder(kind)}${name}`, deploy)
    const advice = `run: node dist/cli.js config ${kind} --out deploy/${folder(kind)}`
    expect(existsSync(shipped), advice).toBe(true)
    expect(readFileSync(shipped, 'utf8'), advice).toBe(text)
  })

  test.each(files.filter(([name]) => /\.ya?ml$/.test(name)))('%s is YAML', (_name, text) => {
    for (const document of parseAllDocuments(text)) expect(document.errors).toEqual([])
  })
})

describe('the closed list of identity headers', () => {
  const files = proxyKinds.flatMap((kind) =>
    Object.entries(configFor(kind, defaultOptions)).map(([name, text]): [string, string] => [
      `${kind}: ${name}`,
      text,
    ]),
  )
  /** Those that hand on what the gate says of the caller. */
  const naming = [
    'nginx: zeroid-gate.conf',
    'caddy: Caddyfile',
    'envoy: envoy.yaml',
    'envoy: istio.yaml',
    'envoy: envoy-gateway.yaml',
    'haproxy: zeroid-gate.lua',
    'compose: compose/zeroid-gate.conf',
    'kubernetes: examples/gateway-api.yaml',
    'kubernetes: overlays/nginx-sidecar/zeroid-gate.conf',
  ]
  /** Traefik takes a pattern for all of it; HAProxy strips by one, and hands on in the Lua file. */
  const byPattern = [
    'traefik: dynamic.yml',
    'kubernetes: examples/traefik.yaml',
    'haproxy: haproxy.cfg',
  ]
  /** How often each name stands in a text: some files hold the list more than once. */
  const timesNamed = (text: string): readonly number[] =>
    identityHeaderNames.map(
      (name) => text.match(new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'gi'))?.length ?? 0,
    )

  test('is in files that there are', () => {
    const names = files.map(([name]) => name)
    expect(names).toEqual(expect.arrayContaining([...naming, ...byPattern]))
  })

  test.each(files)('%s names all of it, or nothing', (name, text) => {
    const [times = 0, ...others] = timesNamed(text)
    expect(times > 0).toBe(naming.includes(name))
    expect(others).toEqual(others.map(() => times))
    expect(text.includes(JSON.stringify(identityHeaderPattern).slice(1, -1))).toBe(
      byPattern.includes(name),
    )
  })
})

describe('the example of a policy', () => {
  const text = readFileSync(new URL('policy.yaml', deploy), 'utf8')

  test('can be used, and nothing about it is odd', () => {
    const policy = parsePolicy(text)
    expect(policy.routes.map(({ name }) => name)).toEqual(['health', 'tools', 'payments', 'read'])
    for (const dialect of dialects) {
      expect(inspectPolicy(policy, { dialect }).errors).toEqual([])
    }
    expect(inspectPolicy(policy, { dialect: 'forwarded' }).warnings).toEqual([])
  })

  test('is what compose and Kubernetes would mount', () => {
    for (const kind of ['compose', 'kubernetes'] as const) {
      const texts = Object.values(configFor(kind, defaultOptions)).join('\n')
      expect(texts).toMatch(/# GATE_POLICY_FILE[=:] ?\/etc\/zeroid-gate\/policy\.yaml$/m)
    }
    const { services } = parse(
      (configFor('compose', defaultOptions)['compose.yml'] ?? '').replace(
        /^( *)# (GATE_POLICY_FILE.*|volumes:| {2}- \.\/policy\.yaml.*)$/gm,
        '$1$2',
      ),
    )
    expect(services.gate.environment.GATE_POLICY_FILE).toBe('/etc/zeroid-gate/policy.yaml')
    expect(services.gate.volumes).toEqual(['./policy.yaml:/etc/zeroid-gate/policy.yaml:ro'])
  })
})

test('every config says how it tells the gate of requests, and does', () => {
  const told = proxyKinds.flatMap((kind) => Object.entries(configFor(kind, defaultOptions)))
  const dialectOf = Object.fromEntries(
    told.flatMap(([name, text]) => {
      const [, dialect] = /GATE_DIALECT(?:=| must be )(forwarded|envoy)[:,]/.exec(text) ?? []
      return dialect === undefined ? [] : [[name.split('/').at(-1) ?? '', dialect]]
    }),
  )
  expect(dialectOf).toEqual({
    'zeroid-gate.conf': 'forwarded',
    Caddyfile: 'forwarded',
    'dynamic.yml': 'forwarded',
    'envoy.yaml': 'forwarded',
    'haproxy.cfg': 'forwarded',
    'traefik.yaml': 'forwarded',
    'istio.yaml': 'envoy',
    'envoy-gateway.yaml': 'envoy',
    'gateway-api.yaml': 'envoy',
  })
})

test('the README names every proxy and its files', () => {
  const readme = readFileSync(new URL('README.md', deploy), 'utf8')
  for (const kind of proxyKinds) {
    // The manifests have a README of their own.
    const names =
      kind === 'kubernetes' ? ['README.md'] : Object.keys(configFor(kind, defaultOptions))
    for (const name of names) {
      expect(readme).toContain(`${folder(kind)}${name}`)
    }
  }
})
