import type { Child } from '../child.ts'
import { startGate, startServer } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { median, medianRow } from '../scenario.ts'
import type { Zeroid } from '../zeroid.ts'
import { nextSecond, startZeroid } from '../zeroid.ts'
import { besideBare } from './warm-door.ts'

/**
 * Whether what was revoked slows down what was not: the two figures of a known token, at the door
 * and in `gate.check`, in gates that follow ten tenants and hold a hundred thousand marks.
 *
 * Beside them the same check in the same process before it held any: two processes that run the
 * same code differ by more than marks cost.
 */
export const marks: Scenario = {
  name: 'marks',
  title: 'a known token in a gate with 100 000 marks and ten live feeds',
  run,
}

/** What a gate's feeds hold, all together. */
interface Held {
  readonly live: number
  readonly marks: number
  readonly pending: number
}

const feeds = 10
const remembered = 10_000

async function run(effort: Effort): Promise<readonly Row[]> {
  const { rounds, scale } = effort
  const zeroid = await startZeroid()
  const accounts = ['acct-demo', ...Array.from({ length: feeds - 1 }, (_, i) => `acct-${i}`)]
  const tenants = accounts.map((accountId) => ({ accountId, projectId: 'proj-demo' }))
  // No renewal of evidence may fall into the loop, which leaves no time for answers.
  const engine = await startServer('engine', { url: zeroid.url, maxStaleness: 3_600_000, tenants })
  const gate = await startGate({
    ZEROID_URL: zeroid.url,
    ZEROID_TENANTS: accounts.map((account) => `${account}/proj-demo`).join(),
    GATE_LOG_LEVEL: 'silent',
  })

  const calls = Math.round(500_000 * scale)
  await engine.call('take', await zeroid.mint(remembered))
  const before = await checks(engine, rounds, calls)
  const perFeed = Math.round(10_000 * scale)
  await flood(zeroid, accounts, perFeed)
  const ofEngine = await settled(() => engine.call('feeds'), perFeed * feeds)
  const ofGate = await settled(() => readMetrics(gate.adminUrl), perFeed * feeds)
  const after = await checks(engine, rounds, calls)
  await engine.stop()

  const [token = ''] = await zeroid.mint(1)
  const door = await besideBare(gate, token, effort)
  await Promise.all([gate.stop(), zeroid.stop()])
  return [
    ...door.map((row) => ({ ...row, note: `${heldNote(ofGate)}; ${row.note}` })),
    medianRow('check', 'ns', after, { target: 2_500, note: heldNote(ofEngine) }),
    medianRow(
      'check with marks / before them',
      'x',
      after.map((check, round) => check / (before[round] ?? Number.NaN)),
      { note: `before ${Math.round(median(before))} ns`, figures: { before, after } },
    ),
  ]
}

/** Nanoseconds of CPU for each check of a known token, for each round. */
async function checks(engine: Child, rounds: number, calls: number): Promise<readonly number[]> {
  const outcomes = await engine.call<Record<string, number>>('meet')
  if (outcomes.allow !== remembered) throw new Error(`refused: ${JSON.stringify(outcomes)}`)
  await engine.call('warm', calls)
  const figures: number[] = []
  while (figures.length < rounds) figures.push(await engine.call<number>('warm', calls))
  return figures
}

/** The tenants one after the other, so that no stream has to drop signals. */
async function flood(zeroid: Zeroid, accounts: readonly string[], each: number): Promise<void> {
  for (const account of accounts) await zeroid.flood(account, each)
  // A token of the last signal's own second would be asked about.
  await nextSecond()
}

/** Waits until every feed is live and every signal became a mark. @throws after two minutes */
async function settled(read: () => Promise<Held>, expected: number): Promise<Held> {
  let held = await read()
  for (let left = 1_200; left > 0; left--) {
    if (held.live === feeds && held.pending === 0 && held.marks === expected) return held
    await new Promise((resolve) => setTimeout(resolve, 100))
    held = await read()
  }
  throw new Error(`${expected} marks were expected: ${JSON.stringify(held)}`)
}

/** The same from a gate's metrics. */
async function readMetrics(adminUrl: string): Promise<Held> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const sum = (series: RegExp): number =>
    [...text.matchAll(series)].reduce((total, [, value]) => total + Number(value), 0)
  return {
    live: sum(/^zeroid_gate_feeds\{state="live"\} (\d+)$/gm),
    marks: sum(/^zeroid_gate_marks\{.*\} (\d+)$/gm),
    pending: sum(/^zeroid_gate_signals_pending\{.*\} (\d+)$/gm),
  }
}

function heldNote({ marks: kept, live }: Held): string {
  return `${kept} marks, ${live} live feeds`
}
