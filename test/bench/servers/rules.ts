import type { GateOptions } from '../../../src/gate/options.ts'
import { importBuilt } from '../built.ts'
import { serveCalls } from './calls.ts'

/** A gate without HTTP, asked with and without rules by the process that is measured. */

const options = JSON.parse(process.argv[2] ?? '') as GateOptions
const { createGate } = await importBuilt<typeof import('../../../src/gate.ts')>('gate.js')
const { createAccess } =
  await importBuilt<typeof import('../../../src/access/access.ts')>('access/access.js')
const { policyFrom } =
  await importBuilt<typeof import('../../../src/policy/document.ts')>('policy/document.js')
const { createDialect } =
  await importBuilt<typeof import('../../../src/request/dialect.ts')>('request/dialect.js')

const gate = createGate(options)
await gate.started
/** Two hundred services below one prefix, each with a rule to read and one to write. */
const rules = policyFrom({
  version: 1,
  routes: Array.from({ length: 100 }, (_, i) => [
    {
      match: { path: `/v1/service-${i}/**`, methods: ['GET'] },
      require: { scopes: { all: ['data:read'] } },
    },
    { match: { path: `/v1/service-${i}/**` }, require: { trust: 'first_party' as const } },
  ]).flat(),
})
const describe = createDialect('forwarded', '/ext-authz')
const bare = createAccess({ gate, policy: undefined, describe })
const ruled = createAccess({ gate, policy: { current: () => rules }, describe })

let requests: { rawHeaders: string[] }[] = []

/** As a proxy sends it: to any of the services, the last ones too. */
const requestOf = (token: string, i: number): { rawHeaders: string[] } => ({
  rawHeaders: [
    ...['Host', '127.0.0.1:8900', 'User-Agent', 'bench', 'Accept', '*/*'],
    ...['X-Forwarded-Method', 'GET', 'X-Forwarded-Proto', 'https'],
    ...['X-Forwarded-Host', 'api.example.com'],
    ...['X-Forwarded-Uri', `/v1/service-${i % 100}/orders/${i}?page=2`],
    ...['Authorization', `Bearer ${token}`],
  ],
})

/** @returns nanoseconds of CPU for each check */
async function timed(count: number, check: typeof bare.check): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) {
    const decision = check(requests[i % requests.length] as (typeof requests)[number])
    if (decision instanceof Promise || decision.outcome !== 'allow') {
      throw new Error('a warm token was asked about or refused')
    }
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / count
}

serveCalls(
  {
    async take(tokens: string[]) {
      requests = Array.from({ length: 1_000 }, (_, i) =>
        requestOf(tokens[i % tokens.length] ?? '', i),
      )
      for (const request of requests) await gate.check(request)
    },
    bare: (count: number) => timed(count, bare.check),
    ruled: (count: number) => timed(count, ruled.check),
  },
  {},
)
