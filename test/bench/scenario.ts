/**
 * What a benchmark is: a scenario measures something in interleaved rounds and hands back rows.
 *
 * A new one is a file in `scenarios/` that exports a {@link Scenario}, and a line in
 * `scenarios/index.ts`.
 */

/** How much is measured. */
export interface Effort {
  /** Rounds in which the contenders take turns. */
  readonly rounds: number
  /** Scales every count: 1, or less for a quick run. */
  readonly scale: number
}

export interface Scenario {
  /** As it is named on the command line. */
  readonly name: string
  /** What the rows are about, one line. */
  readonly title: string
  run(effort: Effort): Promise<readonly Row[]>
}

/**
 * `x` is a ratio and `bytes` a size: `--strict` judges them. Times depend on the machine: they are
 * marked where they miss their target, and nothing more.
 */
export type Unit = 'x' | 'bytes' | 'ns' | 'ms' | 'MB'

/** One line of the table. */
export interface Row {
  readonly what: string
  readonly unit: Unit
  /** The median over the rounds; undefined: it could not be measured, and `note` says why. */
  readonly value: number | undefined
  /** The lowest and the highest round. */
  readonly spread?: readonly [number, number]
  /** The most that it should be. */
  readonly target?: number
  /** The figures behind a ratio, or what is counted. */
  readonly note?: string
  /** Further figures for the JSON result. */
  readonly figures?: Readonly<Record<string, unknown>>
}

/** A row for something that cannot be measured yet. */
export function notMeasured(what: string, unit: Unit, note: string, target?: number): Row {
  return { what, unit, value: undefined, note, ...(target === undefined ? {} : { target }) }
}

/** A row of the median of some measurements. */
export function medianRow(
  what: string,
  unit: Unit,
  values: readonly number[],
  rest: Pick<Row, 'target' | 'note' | 'figures'> = {},
): Row {
  const spread = [Math.min(...values), Math.max(...values)] as const
  return { what, unit, value: median(values), spread, ...rest }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
