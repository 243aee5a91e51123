import { startServer } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { median, medianRow } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * The engine alone: `gate.check` of a known token, without HTTP. Once with one token, where every
 * look-up hits the same cache lines, and once with ten thousand, where none does. A SHA-256 of the
 * same tokens stands beside it: the part that cannot be saved, and the measure of the machine.
 */
export const warmCheck: Scenario = {
  name: 'warm-check',
  title: 'gate.check of known tokens in-process, CPU per call',
  run,
}

async function run({ rounds, scale }: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const calls = Math.round(500_000 * scale)
  const rows: Row[] = []
  for (const count of [1, 10_000]) {
    // No renewal may fall into the loop, which leaves no time for answers.
    const engine = await startServer('engine', { url: zeroid.url, maxStaleness: 3_600_000 })
    await engine.call('take', await zeroid.mint(count))
    const outcomes = await engine.call<Record<string, number>>('meet')
    if (outcomes.allow !== count) throw new Error(`not all allowed: ${JSON.stringify(outcomes)}`)
    await engine.call('warm', calls)
    const checks: number[] = []
    const digests: number[] = []
    for (let round = 0; round < rounds; round++) {
      checks.push(await engine.call<number>('warm', calls))
      digests.push(await engine.call<number>('digest', calls))
    }
    await engine.stop()
    const what = count === 1 ? 'one token' : `${count} tokens`
    const digest = Math.round(median(digests))
    rows.push(
      medianRow(`check, ${what}`, 'ns', checks, {
        target: 2_500,
        note: `of which SHA-256 ${digest} ns`,
        figures: { checks, digests },
      }),
      medianRow(
        `check / SHA-256, ${what}`,
        'x',
        checks.map((check, round) => check / (digests[round] ?? Number.NaN)),
      ),
    )
  }
  await zeroid.stop()
  return rows
}
