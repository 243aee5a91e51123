import { hash } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { GateOptions } from '../../../src/gate/options.ts'
import { importBuilt } from '../built.ts'
import { serveCalls } from './calls.ts'

/**
 * A gate without HTTP, and the two things it cannot do without, a SHA-256 and a signature check,
 * each called in a loop by the process that is measured.
 */

type GateModule = typeof import('../../../src/gate.ts')

const options = JSON.parse(process.argv[2] ?? '') as GateOptions
const { createGate } = await importBuilt<GateModule>('gate.js')
const gate = createGate(options)
await gate.started
const jwks = await fetch(`${options.url}/.well-known/jwks.json`)
const keys = createLocalJWKSet(await jwks.json())

/** As a proxy sends it. */
const requestOf = (token: string): { rawHeaders: string[] } => ({
  rawHeaders: [
    ...['Host', '127.0.0.1:8900', 'User-Agent', 'bench', 'Accept', '*/*'],
    ...['X-Forwarded-Method', 'GET', 'X-Forwarded-Proto', 'https'],
    ...['X-Forwarded-Host', 'api.example.com', 'X-Forwarded-Uri', '/orders?page=2'],
    ...['Authorization', `Bearer ${token}`],
  ],
})

let tokens: string[] = []
let requests: { rawHeaders: string[] }[] = []

/** Nanoseconds of CPU for each of `count` turns, all threads. */
async function timed(count: number, work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / count
}

async function inParallel(work: (token: string) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < tokens.length) await work(tokens[next++] ?? '')
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

serveCalls(
  {
    /** Replaces the tokens by those given. */
    take(given: string[]) {
      tokens = given
      requests = given.map(requestOf)
    },
    /** Lets the gate see every token, so that it remembers them. @returns the outcomes, counted */
    async meet() {
      const outcomes: Record<string, number> = {}
      await inParallel(async (token) => {
        const { outcome } = await gate.check(requestOf(token))
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      })
      return outcomes
    },
    /** Checks remembered tokens in turn. @returns nanoseconds of CPU for each check */
    async warm(count: number) {
      const length = requests.length
      return await timed(count, () => {
        for (let i = 0; i < count; i++) {
          const verdict = gate.check(requests[i % length] as (typeof requests)[number])
          if (verdict instanceof Promise || verdict.outcome !== 'allow') {
            throw new Error('a warm token was asked about or refused')
          }
        }
      })
    },
    /** The digests alone. @returns nanoseconds of CPU for each */
    async digest(count: number) {
      const length = tokens.length
      let bytes = 0
      const cpu = await timed(count, () => {
        for (let i = 0; i < count; i++)
          bytes += hash('sha256', tokens[i % length] ?? '', 'base64').length
      })
      return bytes > 0 ? cpu : Number.NaN
    },
    /** Checks every token, none of which the gate has met. @returns nanoseconds of CPU for each */
    cold: () => timed(tokens.length, () => inParallel(async (t) => gate.check(requestOf(t)))),
    /** How many feeds are live, how many marks they hold, and how many signals are not applied. */
    feeds() {
      const { tenants } = gate.status()
      const sum = (values: number[]): number => values.reduce((total, next) => total + next, 0)
      return {
        live: tenants.filter(({ state }) => state === 'live').length,
        marks: sum(tenants.map((tenant) => tenant.marks)),
        pending: sum(tenants.map((tenant) => tenant.pending)),
      }
    },
    /** Verifies every token with jose. @returns nanoseconds of CPU for each */
    jose: () =>
      timed(tokens.length, () =>
        inParallel((token) => jwtVerify(token, keys, { issuer: options.url }).catch(() => {})),
      ),
  },
  {},
)
