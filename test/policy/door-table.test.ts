import type { Server } from 'node:http'
import { METHODS } from 'node:http'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Gate } from '../../src/gate.ts'
import { createGate } from '../../src/gate.ts'
import { createDoor } from '../../src/http/door.ts'
import { listen } from '../../src/http/listen.ts'
import type { Observer } from '../../src/observe/observer.ts'
import { policyFrom } from '../../src/policy/document.ts'
import { unfedBy } from '../../src/policy/unfed.ts'
import type { Dialect } from '../../src/request/dialect.ts'
import { dialects } from '../../src/request/dialect.ts'
import { exchange } from '../helpers/raw.ts'
import { createSwitch, mintAll, problemOf, saidOf, wantedOf } from '../helpers/rows.ts'
import { authRequest } from './auth-request.ts'
import type { CallerName } from './callers.ts'
import type { PolicyName } from './policies.ts'
import { policies } from './policies.ts'
import type { Row } from './table.ts'
import { table } from './table.ts'

const ambiguous = '400 invalid_request request_ambiguous undefined'
const untold = '403 access_denied request_not_described undefined'
/** RFC 9110 §5.5: blanks around a value do not belong to it. */
const trimmed = '403 insufficient_scope admin:all insufficient_scope admin'

/** What a dialect itself makes of a row, before any rule is asked. */
const differences: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  forwarded: {
    'guarded: a raw tab': trimmed,
    // An empty header is one that the proxy took away.
    'guarded: nothing': untold,
    'hosts: two hosts': ambiguous,
  },
  original: {
    'guarded: a raw tab': trimmed,
    'guarded: nothing': ambiguous,
    'guarded: a query alone': ambiguous,
    'guarded: an asterisk': ambiguous,
    'hosts: two hosts': ambiguous,
    // In one URL the two run into each other. nginx, which puts it together, refuses both.
    'guarded: no slash first': '200 allow rest',
    'hosts: a path in the host': '200 allow api',
  },
  envoy: {
    'guarded: nothing': untold,
    'guarded: a query alone': untold,
    'hosts: two hosts': ambiguous,
    // Not below the path of auth requests.
    'guarded: an absolute form': '404',
    'guarded: an asterisk': '404',
    'guarded: no slash first': '404',
  },
}

describe.each(dialects)(
  'the table of policies at a door that is told in the words of %s',
  (dialect) => {
    const rules = createSwitch()
    const told: string[] = []
    let zeroid: Emulator
    let gate: Gate
    let door: Server
    let url: string
    let tokens: ReadonlyMap<CallerName, string>

    beforeAll(async () => {
      const observer: Observer = {
        verdict: (verdict, _seconds, route) =>
          void told.push(`${verdict.outcome === 'allow' ? 'allow' : verdict.reason} ${route}`),
        passed: (route) => void told.push(`allow ${route}`),
      }
      zeroid = await startEmulator()
      gate = createGate({ url: zeroid.url, observer })
      await gate.started
      door = createDoor(gate, { fallbackIssuer: zeroid.url, policy: rules, dialect })
      url = await listen(door, { host: '127.0.0.1', port: 0 })
      tokens = await mintAll(zeroid)
    })
    afterAll(async () => {
      door.closeAllConnections()
      door.close()
      await gate.close()
      await zeroid.close()
    })

    async function ask(row: Row, bytes: string): Promise<string> {
      rules.use(row)
      told.length = 0
      const [answer] = await exchange(url, bytes, 1)
      const said = saidOf(answer)
      const problem = problemOf(answer)?.replace('invalid_authorization_header', 'invalid_request')
      // No body goes with an answer to HEAD, and what passes has no problem.
      if (problem !== undefined && !said.includes(problem)) return `${said} but ${problem}`
      return [said, ...told].join(' ')
    }

    test.each(Object.keys(policies) as PolicyName[])('%s', async (name) => {
      const found: Record<string, string> = {}
      let asked = 0
      for (const row of table.filter(({ policy }) => policy === name)) {
        const bytes = authRequest(dialect, row, tokens.get(row.caller))
        if (bytes === undefined) continue
        asked += 1
        const said = await ask(row, bytes)
        if (said !== wantedAt(row)) found[row.name] = said
      }
      expect(asked).toBeGreaterThan(0)
      const known = Object.entries(differences[dialect]).filter(([row]) =>
        row.startsWith(`${name}:`),
      )
      expect(found).toEqual(Object.fromEntries(known))
    })
  },
)

describe('a door that is told in the words of envoy', () => {
  const zeroid = 'http://127.0.0.1:9'
  const policy = {
    current: () =>
      policyFrom({ version: 1, routes: [{ match: { path: '/**' }, allow: 'anonymous' }] }),
  }

  test('reads every method but those that a check of the policy names', async () => {
    const gate = createGate({ url: zeroid, signals: false })
    const door = createDoor(gate, { fallbackIssuer: zeroid, policy, dialect: 'envoy' })
    onTestFinished(async () => {
      door.close()
      await gate.close()
    })
    const url = await listen(door, { host: '127.0.0.1', port: 0 })
    const methods = [...METHODS, 'VERSION-CONTROL', 'BREW', 'X_Y']
    const unread: string[] = []
    for (const method of methods) {
      const lines = [`${method} /ext-authz/x HTTP/1.1`, 'Host: gate', 'Connection: close']
      const [answer] = await exchange(url, `${lines.join('\r\n')}\r\n\r\n`, 1)
      if (answer?.status !== 200) unread.push(method)
    }
    const { routes } = policyFrom({ version: 1, routes: [{ match: { path: '/', methods } }] })
    const [said = ''] = routes.flatMap((route) => unfedBy(route, 'envoy').warnings)
    expect(said).toContain(`has methods in vain: ${unread.join(', ')} cannot come`)
  })
})

/** The answer, and what the log and the metrics are told. */
function wantedAt(row: Row): string {
  const { reason = 'allow', route } = row.expected
  return `${wantedOf(row)} ${reason} ${route}`
}
