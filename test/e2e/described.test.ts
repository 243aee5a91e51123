import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SeenRequest } from '../../src/doctor/probe.ts'
import { normalisePath } from '../../src/policy/path.ts'
import type { Dialect } from '../../src/request/dialect.ts'
import { createDialect } from '../../src/request/dialect.ts'
import { withoutQuery } from '../../src/request/direct.ts'
import type { Target } from '../../src/request/target.ts'
import type { CallerName } from '../policy/callers.ts'
import type { Row } from '../policy/table.ts'
import { table } from '../policy/table.ts'
import type { Rig } from './rig.ts'
import { startRig } from './rig.ts'
import { ask, isWritable, partsOf } from './rules/ask.ts'
import {
  envoyServer,
  haproxyServer,
  meshEnvoyServer,
  newCaddyServer,
  nginxServer,
  oldCaddyServer,
} from './servers.ts'
import { describeProxy } from './suite.ts'

const [plain = expect.fail('no rows')] = table
const like = (name: string, request: Partial<Row['request']>): Row => ({
  ...plain,
  name,
  request: { ...plain.request, ...request },
})

/** Requests that say of themselves, in one way or the other, that they are another one. */
const liars: readonly Row[] = [
  like('an absolute form of another host', { path: 'http://other.example.com/orders' }),
  like('an absolute form without a path', { path: 'http://api.example.com' }),
  like('an absolute form with a query alone', { path: 'http://api.example.com?x=/y' }),
  like('two hosts in two headers', { headers: { host: 'other.example.com' } }),
  like('the same host twice', { headers: { host: 'api.example.com' } }),
  like('a tab in the path', { path: '/orders\t/../x' }),
  like('OPTIONS of the server', { method: 'OPTIONS', path: '*' }),
  like('a query like an absolute form', { path: '/?http://other.example.com/x' }),
  like('words of this dialect', {
    path: '/orders/1?page=2',
    headers: {
      'X-Forwarded-Method': 'OPTIONS',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'other.example.com',
      'X-Forwarded-Uri': '/public',
      'X-Forwarded-Prefix': '/public',
      'X-Forwarded-Port': '443',
      Forwarded: 'host=other.example.com;proto=https',
    },
  }),
  like('words of the other dialect', {
    path: '/orders/1?page=2',
    headers: {
      'X-Original-Method': 'OPTIONS',
      'X-Original-URL': 'https://other.example.com/public',
      'X-Original-URI': '/public',
      'X-Rewrite-URL': '/public',
      'X-Envoy-Original-Path': '/public',
      'X-Envoy-Original-Host': 'other.example.com',
    },
  }),
]

const requests: readonly Row[] = [...table.filter(isWritable), ...liars]

/** Paths that Caddy escapes anew for the backend, after it told the gate what the client sent. */
const escapedAnew = [
  'a backslash',
  'a fragment',
  'a raw byte past ASCII',
  'quotes',
  'angle brackets',
  'braces',
  'a bar',
  'a caret',
  'a backtick',
].map((name) => `guarded: ${name}`)
const absoluteForms = ['guarded: an absolute form', ...liars.slice(0, 3).map(({ name }) => name)]

/** Told as a list of hosts, which the gate takes for none. */
const twoHosts = ['two hosts in two headers', 'the same host twice']

/** By the server's name: what the gate is told otherwise than the backend gets it. */
const toldOtherwise: Readonly<Record<string, readonly string[]>> = {
  // Without a path.
  'nginx 1.22': ['an absolute form with a query alone'],
  'Caddy 2.6': [...escapedAnew, ...absoluteForms],
  'Caddy 2.11': [...escapedAnew, ...absoluteForms],
  'Envoy 1.40': twoHosts,
  'Envoy 1.40 in a mesh': twoHosts,
  'HAProxy 2.6': [
    'hosts: two hosts',
    // Without a path.
    'an absolute form without a path',
    'guarded: an asterisk',
    'OPTIONS of the server',
  ],
}

const servers = [
  nginxServer,
  oldCaddyServer,
  newCaddyServer,
  envoyServer,
  meshEnvoyServer,
  haproxyServer,
]

for (const server of servers) {
  describeProxy(`what the gate is told by ${server.name}`, server, (binary) => {
    const dialect = server === meshEnvoyServer ? 'envoy' : 'forwarded'
    let rig: Rig
    let tokens: ReadonlyMap<CallerName, string>
    beforeAll(async () => {
      rig = await startRig(server, binary, { door: { dialect } })
      tokens = new Map([[plain.caller, rig.token]])
    }, 30_000)
    afterAll(async () => {
      await rig?.close()
    })

    test('is what the backend gets; where it is not, no rules let it pass', async () => {
      const differing: string[] = []
      const served: string[] = []
      for (const row of requests) {
        const seen = await ask(rig, { ...row, caller: plain.caller }, tokens)
        if (seen.served === undefined) continue
        served.push(row.name)
        const told = toldOf(rig.gate.seen(), dialect)
        const { method, host, path } = partsOf(seen.served)
        const preflightFor = preflightOf(row)
        const got: Target = { method, scheme: 'http', host, path: withoutQuery(path), preflightFor }
        if (isDeepStrictEqual(told, got)) continue
        differing.push(row.name)
        expect(normalisePath(told?.path ?? ''), row.name).toBeUndefined()
      }
      expect(served.length).toBeGreaterThan(250)
      expect(served).toEqual(expect.arrayContaining(liars.slice(-3).map(({ name }) => name)))
      expect(differing.toSorted()).toEqual((toldOtherwise[server.name] ?? []).toSorted())
    }, 60_000)
  })
}

/** What the gate itself makes of what it was told; undefined where it cannot tell. */
function toldOf([request, second]: readonly SeenRequest[], dialect: Dialect): Target | undefined {
  if (request === undefined || second !== undefined) return undefined
  const { headers: rawHeaders, method, target: url } = request
  const target = createDialect(dialect, '/ext-authz')({ rawHeaders, method, url })
  return 'outcome' in target ? undefined : target
}

/** What a preflight asks for, as the client sent it. */
function preflightOf({ request: { method, headers } }: Row): string | undefined {
  const isPreflight = method === 'OPTIONS' && headers.Origin !== undefined
  return isPreflight ? headers['Access-Control-Request-Method'] : undefined
}
