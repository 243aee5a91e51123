import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSwitch, mintAll } from '../helpers/rows.ts'
import type { CallerName } from '../policy/callers.ts'
import type { Row } from '../policy/table.ts'
import { table } from '../policy/table.ts'
import type { Rig } from './rig.ts'
import { startRig } from './rig.ts'
import type { Seen } from './rules/ask.ts'
import { ask, isWritable, partsOf } from './rules/ask.ts'
import { differences } from './rules/differences.ts'
import type { Identities, Outcome } from './rules/judge.ts'
import { judge, readIdentities, wanted } from './rules/judge.ts'
import type { ProxyServer } from './servers.ts'
import {
  envoyServer,
  haproxyServer,
  meshEnvoyServer,
  newCaddyServer,
  nginxServer,
} from './servers.ts'
import { describeProxy } from './suite.ts'
import { startTunnel, withTls } from './tls.ts'

type Scheme = 'http' | 'https'

const rows = table.filter(isWritable)
const servers = [nginxServer, newCaddyServer, envoyServer, meshEnvoyServer, haproxyServer]

describe.each(['http', 'https'] as const)('over %s', (scheme) => {
  for (const server of servers) {
    describeProxy(`the rules behind ${server.name}`, server, (binary) => {
      const rules = createSwitch()
      let rig: Rig
      let close: () => Promise<void>
      let tokens: ReadonlyMap<CallerName, string>
      let identities: Identities
      const results = new Map<Row, Seen>()

      beforeAll(async () => {
        const started = await startRulesRig(server, binary, scheme, rules)
        rig = started.rig
        close = started.close
        tokens = await mintAll(rig.zeroid)
        identities = await readIdentities(rig.zeroid.url, tokens)
        for (const row of rows) {
          rules.use(row)
          results.set(row, await ask(rig, row, tokens))
        }
      }, 60_000)
      afterAll(async () => {
        await close?.()
      })

      /** What the rules say of a row, or of what was made of it. */
      function rule(row: Row, changed: Partial<Row['request']> = {}): Outcome {
        rules.use(row)
        const policy = rules.current()
        if (policy === undefined) throw new Error('no rules')
        return judge(policy, { ...row.request, scheme, ...changed }, identities.get(row.caller))
      }

      test('nothing is served that the rules do not let pass', () => {
        const wrong = [...results].flatMap(([row, { served, asked, outcome }]) => {
          if (served === undefined) return /^([45]\d\d|closed)/.test(outcome) ? [] : [row.name]
          const said = rule(row, partsOf(served))
          return asked && said === 'passes' ? [] : [`${row.name}: served, though ${said}`]
        })
        expect(wrong).toEqual([])
      })

      test('every request gets the verdict of the table, but for those written down', () => {
        const found = [...results].flatMap(([row, { outcome, served }]) => {
          // Who says what the scheme was changes what the rules say; the table has https.
          const want = row.request.scheme === scheme ? wanted(row) : rule(row)
          const asSent = served === undefined || served.target === row.request.path
          const came = asSent ? outcome : `${outcome} as ${served.target}`
          return came === want ? [] : [[row.name, came]]
        })
        const known = (differences[server.name] ?? []).map(({ rows }) => rows)
        expect(Object.fromEntries(found)).toEqual(Object.assign({}, ...known))
      })
    })
  }
})

/** A proxy before a gate with rules that change, with or without TLS. */
async function startRulesRig(
  server: ProxyServer,
  binary: string,
  scheme: Scheme,
  rules: ReturnType<typeof createSwitch>,
): Promise<{ rig: Rig; close(): Promise<void> }> {
  const dialect = server === meshEnvoyServer ? 'envoy' : 'forwarded'
  const door = { policy: rules, dialect } as const
  if (scheme === 'http') {
    const rig = await startRig(server, binary, { door })
    return { rig, close: rig.close }
  }
  const rig = await startRig(server, binary, { door, change: withTls })
  const tunnel = await startTunnel(rig.url)
  return {
    rig: { ...rig, url: tunnel.url },
    async close() {
      tunnel.close()
      await rig.close()
    },
  }
}
