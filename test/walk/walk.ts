import fc from 'fast-check'
import type { Operation, Walk } from './operations.ts'
import { startWorld } from './world.ts'

/** How long a found failure is made smaller, in real milliseconds. */
const shrinkFor = 60_000

/** What was walked. */
export interface Distance {
  readonly operations: number
  /** How many verdicts there were of each kind. */
  readonly tally: ReadonlyMap<string, number>
}

/** `WALK_SEED` repeats a run; without it every run walks another way. */
const seed: number =
  process.env.WALK_SEED === undefined
    ? Math.floor(Math.random() * 0x7fff_ffff)
    : Number(process.env.WALK_SEED)

/** `WALK_OPERATIONS` sets how far all the walks go together; `npm test` does 1,000, never less. */
const scale: number = Math.max(1, Number(process.env.WALK_OPERATIONS ?? 1_000) / 1_000)

/**
 * Real milliseconds for a walk of this length.
 *
 * @param operations in a run of `npm test`
 */
export const timeFor = (operations: number): number => 60_000 + shrinkFor + operations * scale * 100

/**
 * Walks until so many operations are done, each walk in a world of its own.
 *
 * @param title for the line that names the seed
 * @param walk what is walked
 * @param operations at least, in a run of `npm test`
 */
export async function wander(
  title: string,
  walk: fc.Arbitrary<Walk>,
  operations: number,
): Promise<Distance> {
  const target = operations * scale
  const began = performance.now()
  let done = 0
  const tally = new Map<string, number>()
  console.log(`${title}: WALK_SEED=${seed}, at least ${Math.ceil(target)} operations`)
  for (let round = 0; done < target; round++) {
    const [one] = fc.sample(walk, { seed: seed + round, numRuns: 1 })
    if (one === undefined) throw new Error('no walk was drawn')
    const end = await walkOnce(one)
    if (end.stumble !== undefined) throw new Error(await report(title, seed + round, one, end))
    done += one.operations.length
    for (const [kind, count] of end.tally) tally.set(kind, (tally.get(kind) ?? 0) + count)
  }
  const passed = ((performance.now() - began) / 1000).toFixed(1)
  if (done >= 100 && !/^allow.*,deny/.test([...tally.keys()].sort().join())) {
    throw new Error(`${title}: nothing was allowed, or nothing denied: the walk proves nothing`)
  }
  const verdicts = [...tally].map(([kind, count]) => `${kind} ${count}`).sort()
  console.log(`${title}: ${done} operations in ${passed} s; ${verdicts.join(', ')}`)
  return { operations: done, tally }
}

/** How a walk ended. */
export interface End {
  readonly tally: ReadonlyMap<string, number>
  /** The broken rule and the story of the walk; undefined where all held. */
  readonly stumble: string | undefined
  /** Operations performed. */
  readonly steps: number
}

/**
 * One walk from its beginning to the settled end.
 *
 * @param walk where, and what happens
 */
export async function walkOnce({ terrain, operations }: Walk): Promise<End> {
  const world = await startWorld(terrain)
  let steps = 0
  try {
    for (const operation of operations) {
      steps++
      await world.perform(operation)
    }
    await world.settle()
    return { tally: world.tally, stumble: undefined, steps }
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { tally: world.tally, stumble: `${message}\n${world.trace()}`, steps }
  } finally {
    await world.close()
  }
}

/** The letter of the rule: a smaller walk must break the same one. */
const ruleOf = ({ stumble }: End): string | undefined => stumble?.slice(0, 2)

/** Leaves out what the failure does not need: halves first, then ever smaller pieces. */
async function shrink(walk: Walk, end: End): Promise<{ walk: Walk; end: End }> {
  const deadline = performance.now() + shrinkFor
  const rule = ruleOf(end)
  let best = { walk: { ...walk, operations: walk.operations.slice(0, end.steps) }, end }
  for (let piece = Math.ceil(end.steps / 2); piece >= 1; piece = piece === 1 ? 0 : piece >> 1) {
    for (let from = best.walk.operations.length - piece; from > -piece; from -= piece) {
      if (performance.now() > deadline) return best
      const operations = without(best.walk.operations, Math.max(0, from), from + piece)
      const smaller = { ...walk, operations }
      const outcome = await walkOnce(smaller)
      if (outcome.stumble === undefined || ruleOf(outcome) !== rule) continue
      best = { walk: { ...smaller, operations: operations.slice(0, outcome.steps) }, end: outcome }
    }
  }
  return best
}

const without = (all: readonly Operation[], from: number, to: number): readonly Operation[] =>
  all.filter((_, index) => index < from || index >= to)

async function report(title: string, from: number, walk: Walk, end: End): Promise<string> {
  const small = await shrink(walk, end)
  return [
    `${title}: WALK_SEED=${from} repeats it`,
    small.end.stumble ?? '',
    `terrain: ${JSON.stringify(small.walk.terrain)}`,
    'operations: [',
    ...small.walk.operations.map((operation) => `  ${JSON.stringify(operation)},`),
    ']',
  ].join('\n')
}
