import { expect, test } from 'vitest'
import type { FixId } from '../../src/doctor/advice.ts'
import { fixLines } from '../../src/doctor/fix-lines.ts'
import { fixFor } from '../../src/doctor/fixes.ts'
import { probes } from '../../src/doctor/probes.ts'
import { configFor, isProxyKind } from '../../src/proxies/index.ts'
import type { ConfigFiles } from '../../src/proxies/options.ts'
import { defaultOptions } from '../../src/proxies/options.ts'
import { startRig } from './rig.ts'
import type { ProxyServer } from './servers.ts'
import {
  envoyServer,
  haproxyServer,
  newCaddyServer,
  nginxServer,
  oldCaddyServer,
} from './servers.ts'
import { describeProxy } from './suite.ts'

/** A config that lacks something, and what the doctor must say of it. */
interface Broken {
  readonly lacks: string
  readonly from: string
  readonly to: string
  /** A further change. */
  readonly also?: { readonly from: string; readonly to: string }
  /** `false`: something was added, and no line is missing. */
  readonly exact?: false
  /** By probe. */
  readonly found: Readonly<Record<string, FixId>>
}

const unchecked = {
  'no-token': 'check',
  'bad-token': 'check',
  'forged-dash-without-token': 'check',
  'forged-underscore-without-token': 'check',
  'forged-dot-without-token': 'check',
  'claimed-uri-without-token': 'check',
  'token-in-query': 'check',
  paths: 'path',
  methods: 'method',
  'health-checkers': 'check',
  'websocket-without-token': 'check',
  'gate-unknown': 'cache',
  'gate-down': 'fail-closed',
  reuse: 'cache',
} as const

const nginxBroken: readonly Broken[] = [
  {
    lacks: 'the check',
    from: '    auth_request /_zeroid_gate;\n',
    to: '',
    found: unchecked,
  },
  {
    lacks: 'one header of the list',
    from: '    proxy_set_header X-Zeroid-Mission-ID       $x_zeroid_mission_id;\n',
    to: '',
    found: { identity: 'copy', 'forged-dash': 'strip', 'forged-twice': 'strip' },
  },
  {
    lacks: 'the default for underscores',
    from: 'underscores_in_headers off;',
    to: 'underscores_in_headers on;',
    found: { 'forged-underscore': 'strip-spellings', 'forged-twice': 'strip-spellings' },
  },
  {
    lacks: 'the default for odd names',
    from: 'ignore_invalid_headers on;',
    to: 'ignore_invalid_headers off;',
    found: { 'forged-dot': 'strip-spellings' },
  },
  {
    lacks: 'the removal of X-Original-URI',
    from: '        proxy_set_header X-Original-URI "";\n',
    to: '',
    found: { 'claimed-uri': 'claimed' },
  },
  {
    lacks: 'the path',
    from: '        proxy_set_header X-Forwarded-Uri    $request_uri;\n',
    to: '        proxy_set_header X-Forwarded-Uri    $uri;\n',
    found: { 'claimed-uri': 'forwarded' },
  },
  {
    lacks: 'the method',
    from: '        proxy_set_header X-Forwarded-Method $request_method;\n',
    to: '',
    found: { 'claimed-uri': 'forwarded' },
  },
  {
    lacks: 'a query of its own',
    from: 'proxy_pass http://zeroid_gate/oauth2/token/verify;',
    to: 'proxy_pass http://zeroid_gate$request_uri;',
    found: { query: 'gate-address' },
  },
  {
    lacks: 'the removal of cookies',
    from: '        proxy_set_header Cookie "";\n',
    to: '',
    found: { cookies: 'cookies' },
  },
  {
    lacks: 'the status of a gate that cannot tell',
    from: '    error_page 500 = @zeroid_unknown;\n',
    to: '',
    found: { 'gate-unknown': 'unavailable', 'gate-down': 'unavailable' },
  },
  {
    lacks: 'the body of a refusal',
    from: '    error_page 401 = @zeroid_401;\n',
    to: '',
    found: { 'no-token': 'refusal-body', 'bad-token': 'refusal-body' },
  },
  {
    lacks: 'the connection pool',
    from: '    keepalive 32;\n',
    to: '',
    found: { reuse: 'reuse' },
  },
  {
    lacks: 'room for headers',
    from: '    large_client_header_buffers 4 32k;\n',
    to: '    large_client_header_buffers 4 4k;\n',
    found: { 'big-headers': 'big-headers' },
  },
  {
    lacks: 'the upgrade',
    from: '    proxy_set_header Upgrade    $http_upgrade;\n',
    to: '',
    found: { websocket: 'websocket' },
  },
  {
    lacks: 'the body for the backend',
    from: '        proxy_pass http://zeroid_backend;\n',
    to: '        proxy_pass http://zeroid_backend;\n        proxy_pass_request_body off;\n        proxy_set_header Content-Length "";\n',
    found: { body: 'body', 'body-chunked': 'body' },
  },
  {
    lacks: 'a check of its own for each request',
    from: 'upstream zeroid_gate {',
    to: 'proxy_cache_path cache keys_zone=verdicts:1m;\nupstream zeroid_gate {',
    also: {
      from: '        proxy_set_header Cookie "";\n',
      to: `        proxy_set_header Cookie "";
        proxy_cache verdicts;
        proxy_cache_key $http_authorization;
        proxy_cache_valid 200 1m;
        proxy_ignore_headers Cache-Control;\n`,
    },
    found: { 'gate-unknown': 'cache', 'gate-down': 'fail-closed', reuse: 'cache' },
  },
  {
    lacks: 'the check of OPTIONS',
    from: '    location / {\n',
    to: '    location / {\n        if ($request_method = OPTIONS) { return 204; }\n',
    found: { methods: 'method', preflight: 'preflight' },
  },
  {
    lacks: 'the check of a path',
    from: '    location / {\n',
    to: '    location /health { auth_request off; proxy_pass http://zeroid_backend; }\n    location / {\n',
    found: { paths: 'path' },
  },
  {
    lacks: 'the check of health checkers',
    from: '    location / {\n',
    to: '    location / {\n        if ($http_user_agent ~ kube-probe) { return 200; }\n',
    exact: false,
    found: { 'health-checkers': 'check' },
  },
  {
    lacks: 'care with tokens in queries',
    from: '        proxy_set_header Cookie "";\n',
    to: `        if ($request_uri ~ "access_token=(.+)") { set $doctor_token $1; }
        proxy_set_header Authorization "Bearer $doctor_token";\n`,
    exact: false,
    found: { 'token-in-query': 'check' },
  },
]

const suites: readonly { server: ProxyServer; kind: string; broken: readonly Broken[] }[] = [
  { server: nginxServer, kind: 'nginx', broken: nginxBroken },
  {
    server: oldCaddyServer,
    kind: 'caddy',
    broken: [
      {
        lacks: 'the removal of other spellings',
        from: '\t\trequest_header -*zeroid*\n\t\trequest_header -X_*\n',
        to: '\t\trequest_header -X-Zeroid-*\n',
        found: { 'forged-underscore': 'strip-spellings', 'forged-twice': 'strip-spellings' },
      },
      {
        lacks: 'the removal of the plain names',
        from: '\t\trequest_header -*zeroid*\n',
        to: '',
        found: { 'forged-dash': 'strip' },
      },
    ],
  },
  {
    server: newCaddyServer,
    kind: 'caddy',
    broken: [
      {
        lacks: 'care with Connection',
        from: '\t\trequest_header @no_upgrade -Connection\n',
        to: '',
        found: { 'connection-lists-identity': 'connection' },
      },
      {
        lacks: 'an empty query',
        from: 'rewrite /ext-authz?',
        to: 'rewrite /ext-authz?{query}',
        found: { query: 'query' },
      },
      {
        lacks: 'the status of a gate that is away',
        from: '\t\t@unasked vars zeroid asking\n',
        to: '\t\t@unasked vars zeroid nothing\n',
        found: { 'gate-down': 'unavailable' },
      },
      {
        lacks: 'care with look-alikes',
        from: '\t\trequest_header -X-Forwarded-User\n',
        to: '\t\trequest_header -X-Forwarded-User*\n',
        found: { neighbours: 'strip' },
      },
    ],
  },
  {
    server: envoyServer,
    kind: 'envoy',
    broken: [
      {
        lacks: 'a path of its own',
        from: 'path_override: /ext-authz',
        to: 'path_prefix: /ext-authz',
        found: { query: 'query' },
      },
      {
        lacks: 'a closed door',
        from: 'failure_mode_allow: false',
        to: 'failure_mode_allow: true',
        found: { 'gate-down': 'fail-closed', 'gate-unknown': 'fail-closed' },
      },
      {
        lacks: 'the proof for the gate',
        from: '                          - { exact: DPoP, ignore_case: true }\n',
        to: '',
        found: { proof: 'proof' },
      },
      {
        lacks: 'the origin for the gate',
        from: '                          - { exact: Origin, ignore_case: true }\n',
        to: '',
        found: { preflight: 'preflight' },
      },
      {
        lacks: 'the upgrade',
        from: '- upgrade_type: websocket',
        to: '- upgrade_type: other',
        found: { websocket: 'websocket' },
      },
    ],
  },
  {
    server: haproxyServer,
    kind: 'haproxy',
    broken: [
      {
        lacks: 'a second Authorization header',
        from: 'headers[name] = values(received[name])',
        to: 'headers[name] = { received[name][0] }',
        found: { 'several-authorizations': 'several' },
      },
      {
        lacks: 'the proof for the gate',
        from: '  "dpop",\n',
        to: '',
        found: { proof: 'proof' },
      },
      {
        lacks: 'the challenge',
        from: ' hdr WWW-Authenticate %[var(txn.zeroid_www)]',
        to: '',
        found: { 'no-token': 'challenge', 'bad-token': 'challenge' },
      },
      {
        lacks: 'the other spellings',
        from: "http-request del-header '^x[^a-z0-9](zeroid[^a-z0-9]|forwarded[^a-z0-9]user$)' -m reg",
        to: 'http-request del-header x-zeroid- -m beg',
        found: { 'forged-underscore': 'strip-spellings', 'forged-dot': 'strip-spellings' },
      },
    ],
  },
]

for (const { server, kind, broken } of suites) {
  describeProxy(server.name, server, (binary) => {
    test.each(broken.map((fault) => [fault.lacks, fault] as const))(
      'a config without %s fails and is told the line',
      async (_, fault) => {
        const rig = await startRig(server, binary, { change: (files) => replaced(files, fault) })
        try {
          for (const [id, fix] of Object.entries(fault.found)) {
            const probe = probes.find((candidate) => candidate.id === id)
            const finding = await probe?.run(rig, rig.gate)
            expect(finding?.fix, `${id}: ${finding?.problem}`).toBe(fix)
            const { lines } = fixFor(fix, isProxyKind(kind) ? kind : undefined, finding?.header)
            if (lines.length === 0 || fault.exact === false) continue
            // What was taken out or replaced is what the doctor tells to put in.
            const removed = [fault.from, fault.also?.from].join('\n')
            const told = lines.some((line) => removed.includes(line) || line.includes(fault.from))
            expect(told, `${id}: ${lines.join('\n')}`).toBe(true)
          }
        } finally {
          await rig.close()
        }
      },
    )
  })
}

test.each(Object.entries(fixLines))(
  'every line told for %s stands in its config',
  (kind, fixes) => {
    const files = isProxyKind(kind) ? configFor(kind, defaultOptions) : {}
    const text = Object.values(files).join('\n')
    for (const line of Object.values(fixes).flat()) expect(text).toContain(line)
  },
)

test('every probe has a config on which it fails', () => {
  const failing = new Set(
    suites.flatMap(({ broken }) => broken.flatMap(({ found }) => Object.keys(found))),
  )
  const never = probes.map(({ id }) => id).filter((id) => !failing.has(id))
  // No proxy at hand turns trailers into headers.
  expect(never).toEqual(['forged-trailer'])
})

function replaced(files: ConfigFiles, { from, to, also }: Broken): ConfigFiles {
  const changes = also === undefined ? [{ from, to }] : [{ from, to }, also]
  return changes.reduce((before, change) => {
    const after = Object.entries(before).map(([name, text]) => [
      name,
      text.replaceAll(change.from, () => change.to),
    ])
    expect(Object.fromEntries(after)).not.toEqual(before)
    return Object.fromEntries(after)
  }, files)
}
