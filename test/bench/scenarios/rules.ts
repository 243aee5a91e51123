import { startServer } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { median, medianRow } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * What rules cost: the check of a known token under two hundred routes, its request described and
 * matched each time, beside the same check without a policy. As a rate: 1 is as fast as without.
 */
export const rules: Scenario = {
  name: 'rules',
  title: 'a known token under 200 routes, in-process, CPU per call',
  run,
}

async function run({ rounds, scale }: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const calls = Math.round(300_000 * scale)
  const engine = await startServer('rules', { url: zeroid.url, maxStaleness: 3_600_000 })
  await engine.call('take', await zeroid.mint(10))
  for (const kind of ['bare', 'ruled']) await engine.call(kind, calls)
  const without: number[] = []
  const under: number[] = []
  for (let round = 0; round < rounds; round++) {
    without.push(await engine.call<number>('bare', calls))
    under.push(await engine.call<number>('ruled', calls))
  }
  await engine.stop()
  await zeroid.stop()
  const rates = without.map((bare, round) => bare / (under[round] ?? Number.NaN))
  return [
    medianRow('rate with rules / without', 'x', rates, {
      note: `${Math.round(median(under))} ns, without ${Math.round(median(without))} ns; at least 0.70`,
      figures: { without, under },
    }),
    medianRow(
      'time with rules / without',
      'x',
      rates.map((rate) => 1 / rate),
      { target: 1 / 0.7 },
    ),
  ]
}
