import type { WireAnswer } from '../client.ts'
import type { Finding, GateSide, Probe } from '../probe.ts'
import { bearer, echoOf, isFinding, refusedWith } from '../probe.ts'

const retryAfter = 7

/** What a client is told, and what happens while the gate cannot tell. */
export const refusalProbes: readonly Probe[] = [
  {
    id: 'no-token',
    title: 'without a token: 401, the challenge, and JSON',
    run: async ({ client }) => challenged(await client.send(), 'missing_token', 'missing_token'),
  },
  {
    id: 'bad-token',
    title: 'with a bad token: 401, the challenge, and JSON',
    async run({ client }) {
      const answer = await client.send({ headers: ['Authorization', 'Bearer not-a-token'] })
      return challenged(answer, 'invalid_token', 'invalid_token')
    },
  },
  {
    id: 'gate-unknown',
    title:
      'while the gate cannot tell: 503 with Retry-After and JSON, even if it could just before',
    needs: 'gate',
    run: (site, gate) =>
      during(gate, async () => {
        const echo = echoOf(await site.client.send({ headers: bearer(site) }))
        if (isFinding(echo)) return echo
        gate.clear()
        gate.unknown(retryAfter)
        const answer = await site.client.send({ headers: bearer(site) })
        if (answer.status !== 200) return unavailable(answer, 'a token unknown to the gate')
        return gate.seen().length === 0
          ? {
              problem: 'a request passed on the answer to an earlier one, or on none',
              fix: 'cache',
            }
          : { problem: 'a request passed although the gate said 503', fix: 'fail-closed' }
      }),
  },
  {
    id: 'gate-down',
    title: 'while the gate is down nobody passes, and all pass again afterwards',
    needs: 'gate',
    async run(site, gate) {
      const finding = await during(gate, async () => {
        await gate.down()
        const answer = await site.client.send({ headers: bearer(site) })
        if (answer.status < 500) return refusedWith(answer, 503, 'fail-closed', 'a request')
        return unavailable(answer, 'a request')
      })
      if (finding !== undefined) return finding
      const echo = echoOf(await site.client.send({ headers: bearer(site) }))
      return isFinding(echo) ? echo : undefined
    },
  },
  {
    id: 'reuse',
    title: '1,000 requests in a row take at most 4 connections to the gate',
    needs: 'gate',
    async run(site, gate) {
      gate.clear()
      for (let i = 0; i < 1_000; i++) {
        const answer = await site.client.send({ headers: bearer(site) })
        if (answer.status !== 200) return { problem: `${answer.status} at ${i}`, fix: 'reuse' }
      }
      const opened = gate.connections()
      const checks = gate.seen().length
      if (checks !== 1_000) return { problem: `1,000 requests, ${checks} checks`, fix: 'cache' }
      if (opened <= 4) return undefined
      return { problem: `1,000 requests took ${opened} connections to the gate`, fix: 'reuse' }
    },
  },
]

function challenged(answer: WireAnswer, code: string, error: string): Finding | undefined {
  const refused = refusedWith(answer, 401, 'check', 'a request that may not pass')
  if (refused !== undefined) return refused
  const challenge = answer.header('WWW-Authenticate')
  if (!challenge?.startsWith(`Bearer error="${code}"`)) {
    return { problem: `401 with WWW-Authenticate ${challenge ?? 'missing'}`, fix: 'challenge' }
  }
  if (errorIn(answer) === error) return undefined
  return { problem: `401 with the body ${JSON.stringify(answer.body)}`, fix: 'refusal-body' }
}

function unavailable(answer: WireAnswer, what: string): Finding | undefined {
  const wrong = refusedWith(answer, 503, 'unavailable', what)
  if (wrong !== undefined) return wrong
  if (!/^\d+$/.test(answer.header('Retry-After') ?? '')) {
    return { problem: '503 without Retry-After', fix: 'unavailable' }
  }
  if (errorIn(answer) === 'temporarily_unavailable') return undefined
  return { problem: `503 with the body ${JSON.stringify(answer.body)}`, fix: 'refusal-body' }
}

function errorIn({ body }: WireAnswer): unknown {
  try {
    return (JSON.parse(body) as { error?: unknown } | null)?.error
  } catch {
    return undefined
  }
}

async function during<T>(gate: GateSide, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } finally {
    await gate.back()
  }
}
