import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ZeroidOptions } from '../../src/adapters/options.ts'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { createGate, type Gate } from '../../src/gate.ts'
import { headerIn } from '../helpers/raw.ts'
import { mintAll, saidOf, sendable, sendRow, wantedOf } from '../helpers/rows.ts'
import type { CallerName } from '../policy/callers.ts'
import type { PolicyName } from '../policy/policies.ts'
import { policies } from '../policy/policies.ts'
import type { App, Framework } from './app.ts'

/** What Node's parser, Fastify's router or Hono's server answer 400 before any app is asked. */
const refusedBefore: readonly RegExp[] = [
  /^guarded: (no slash first|an asterisk)$/,
  /^guarded: (a percent sign alone|half an escape|an escape of (no digits|IIS))$/,
  /^guarded: (an overlong |a byte that begins|a sequence cut|a continuation|a surrogate|past the)/,
  /^hosts: an IPv6 address at length$/,
]

/** The table of policies, in every framework. */
export function tableContract(framework: Framework): void {
  describe(`${framework.name}: the table of policies`, () => {
    let zeroid: Emulator
    let gate: Gate
    let tokens: ReadonlyMap<CallerName, string>
    beforeAll(async () => {
      zeroid = await startEmulator()
      gate = createGate({ url: zeroid.url })
      await gate.started
      tokens = await mintAll(zeroid)
    }, 30_000)
    afterAll(async () => {
      await gate.close()
      await zeroid.close()
    })

    test.each(Object.keys(policies) as PolicyName[])('%s', { timeout: 60_000 }, async (name) => {
      const options = { gate, policy: policies[name] } as ZeroidOptions
      const app: App = await framework.start({ options })
      const wrong: string[] = []
      for (const row of sendable.filter(({ policy }) => policy === name)) {
        const answer = await sendRow(app.url, row, tokens)
        const wanted = wantedOf(row)
        // Beyond the gate there are no such routes: whatever the app itself says is a pass.
        const ours = answer !== undefined && headerIn(answer, 'www-authenticate') !== undefined
        const said = ours ? saidOf(answer) : `${answer?.status === 400 ? 400 : 200}`
        if (said === wanted) continue
        if (said === '400' && refusedBefore.some((it) => it.test(row.name))) continue
        wrong.push(`${row.name}: ${said}, not ${wanted}`)
      }
      expect(wrong).toEqual([])
    })
  })
}
