import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ZeroidOptions } from '../../src/adapters/options.ts'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { createGate, type Gate } from '../../src/gate.ts'
import { mintAll, problemOf, saidOf, sendable, sendRow, wantedOf } from '../helpers/rows.ts'
import type { CallerName } from '../policy/callers.ts'
import type { PolicyName } from '../policy/policies.ts'
import { policies } from '../policy/policies.ts'
import type { Row } from '../policy/table.ts'
import type { App, Framework } from './app.ts'

/** What Node's parser, Fastify's router and Hono's server answer 400 before any app is asked. */
const refusedBefore: Readonly<Record<string, readonly RegExp[]>> = {
  Express: [/^guarded: no slash first$/],
  Fastify: [
    /^guarded: (no slash first|a percent sign alone|half an escape|an escape of (no digits|IIS))$/,
    /^guarded: (an overlong |a byte that begins|a sequence cut|a continuation|a surrogate|past the)/,
  ],
  Hono: [
    /^guarded: (no slash first|an asterisk)$/,
    /^hosts: an IPv6 address at length$/,
    /^untold: a host that cannot be read/,
  ],
}

/** The table of policies, in every framework. */
export function tableContract(framework: Framework): void {
  const [kind = ''] = framework.name.split(' ')
  const isRefusedBefore = ({ name }: Row): boolean =>
    refusedBefore[kind]?.some((it) => it.test(name)) ?? false
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
        app.ran.length = 0
        const answer = await sendRow(app.url, row, tokens)
        const problem = problemOf(answer)
        const said = [saidOf(answer), ...(problem ? [problem] : []), ...app.ran].join(' ')
        const wanted = wantedIn(row)
        if (said === wanted) continue
        if (/^400( Bad Request)?$/.test(said) && isRefusedBefore(row)) continue
        wrong.push(`${row.name}: ${said}, not ${wanted}`)
      }
      expect(wrong).toEqual([])
    })
  })
}

/** What passes goes through the app, which has no such route; what is refused reaches none of it. */
function wantedIn(row: Row): string {
  const { expected, request } = row
  if (expected.status === 200) return '404 middleware'
  const body = request.method === 'HEAD' ? '' : expected.error
  return `${wantedOf(row)} ${body}`.trim()
}
