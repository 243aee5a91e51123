import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WireAnswer } from '../../src/doctor/client.ts'
import { readEcho } from '../../src/doctor/echo.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { ConfigFiles } from '../../src/proxies/options.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import type { Rig } from './rig.ts'
import { startRig } from './rig.ts'
import type { ProxyServer } from './servers.ts'
import {
  envoyServer,
  haproxyServer,
  meshEnvoyServer,
  newCaddyServer,
  nginxServer,
  oldCaddyServer,
} from './servers.ts'
import { describeProxy } from './suite.ts'

type Change = readonly [from: string, to: string]

const caddyChanges: readonly Change[] = [
  ['\troute {\n', '\thandle_path /v1/* {\n\troute {\n'],
  ['\t}\n\n\t# The gate is away', '\t}\n\t}\n\n\t# The gate is away'],
]
const envoyChanges: readonly Change[] = [
  [
    '- match: { prefix: / }\n                          route: { cluster: zeroid_backend }',
    '- match: { prefix: /v1/ }\n                          route: { cluster: zeroid_backend, prefix_rewrite: / }',
  ],
]

/** How an operator takes /v1 away for the backend. */
const stripping: readonly (readonly [ProxyServer, readonly Change[]])[] = [
  [
    nginxServer,
    [
      [
        'location / {\n        proxy_pass http://zeroid_backend;',
        'location /v1/ {\n        proxy_pass http://zeroid_backend/;',
      ],
    ],
  ],
  [oldCaddyServer, caddyChanges],
  [newCaddyServer, caddyChanges],
  [envoyServer, envoyChanges],
  [meshEnvoyServer, envoyChanges],
  [
    haproxyServer,
    [
      [
        '    default_backend zeroid_backend\n',
        '    http-request replace-path /v1/(.*) /\\1\n    default_backend zeroid_backend\n',
      ],
    ],
  ],
]

const policy = policyFrom({ version: 1, routes: [{ match: { path: '/v1/orders/**' } }] })
const key = makeProofKey()

for (const [server, changes] of stripping) {
  describeProxy(`a prefix that ${server.name} takes away`, server, (binary) => {
    let rig: Rig
    beforeAll(async () => {
      const dialect = server === meshEnvoyServer ? 'envoy' : 'forwarded'
      const door = { dialect, policy: { current: () => policy } } as const
      rig = await startRig(server, binary, { door, change: (files) => changed(files, changes) })
    }, 30_000)
    afterAll(async () => {
      await rig?.close()
    })

    const get = (target: string): Promise<WireAnswer> =>
      rig.client.send({ target, headers: ['Authorization', `Bearer ${rig.token}`] })

    test('is there for the rules, and not for the backend', async () => {
      expect(readEcho(await get('/v1/orders/7?page=2'))?.target).toBe('/orders/7?page=2')
      for (const target of ['/v1/admin', '/orders/7', '/v1/v1/orders/7', '/v1/orders/../admin']) {
        expect(readEcho(await get(target)), target).toBeUndefined()
      }
    })

    test('is there for proofs', async () => {
      const token = await rig.zeroid.mint({ boundTo: key.thumbprint })
      const send = (path: string): Promise<WireAnswer> => {
        const made = proof({ key, url: `${rig.url}${path}`, token })
        const headers = ['Authorization', `DPoP ${token}`, 'DPoP', made]
        return rig.client.send({ target: '/v1/orders/7', headers })
      }
      expect(readEcho(await send('/v1/orders/7'))?.target).toBe('/orders/7')
      expect((await send('/orders/7')).status).toBe(401)
    })
  })
}

function changed(files: ConfigFiles, changes: readonly Change[]): ConfigFiles {
  const texts = Object.entries(files).map(([name, text]) => [
    name,
    changes.reduce((before, [from, to]) => before.replace(from, () => to), text),
  ])
  const result: ConfigFiles = Object.fromEntries(texts)
  expect(result).not.toEqual(files)
  return result
}
