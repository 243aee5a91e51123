import { startServer } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { median, medianRow } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * Whether what was revoked slows down what was not: `gate.check` of a known token in a gate that
 * follows ten tenants and holds a hundred thousand marks, beside one that follows one and holds
 * none.
 */
export const marks: Scenario = {
  name: 'marks',
  title: 'gate.check of a known token with 100 000 marks and ten live feeds',
  run,
}

const feeds = 10

async function run({ rounds, scale }: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const perFeed = Math.round(10_000 * scale)
  const calls = Math.round(500_000 * scale)
  const accounts = ['acct-demo', ...Array.from({ length: feeds - 1 }, (_, i) => `acct-${i}`)]
  const tenants = accounts.map((accountId) => ({ accountId, projectId: 'proj-demo' }))
  const options = { url: zeroid.url, maxStaleness: 3_600_000, signalPoll: 250 }
  const marked = await startServer('engine', { ...options, tenants })
  const plain = await startServer('engine', { ...options, tenants: tenants.slice(0, 1) })

  await Promise.all(accounts.map((account) => zeroid.flood(account, perFeed)))
  const kept = await settled(marked)
  const tokens = await zeroid.mint(1_000)
  for (const engine of [marked, plain]) {
    await engine.call('take', tokens)
    const outcomes = await engine.call<Record<string, number>>('meet')
    if (outcomes.allow !== tokens.length) throw new Error(`refused: ${JSON.stringify(outcomes)}`)
    await engine.call('warm', calls)
  }
  const ratios: number[] = []
  const figures: { marked: number[]; plain: number[] } = { marked: [], plain: [] }
  for (let round = 0; round < rounds; round++) {
    const without = await plain.call<number>('warm', calls)
    const withMarks = await marked.call<number>('warm', calls)
    figures.marked.push(withMarks)
    figures.plain.push(without)
    ratios.push(withMarks / without)
  }
  for (const server of [marked, plain, zeroid]) await server.stop()
  return [
    medianRow('check with marks / without', 'x', ratios, {
      target: 1.1,
      note: `${kept} marks in ${feeds} feeds, ${Math.round(median(figures.marked))} ns`,
      figures,
    }),
  ]
}

/** Waits until nothing is pending any more. @returns the marks kept */
async function settled(engine: { call<T>(name: string): Promise<T> }): Promise<number> {
  for (let left = 600; left > 0; left--) {
    const { marks: kept, pending } = await engine.call<{ marks: number; pending: number }>('marks')
    if (pending === 0) return kept
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('signals are still pending after a minute')
}
