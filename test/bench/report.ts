import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { Row, Unit } from './scenario.ts'

/**
 * Shows the rows as a table and keeps them in `.bench/result.json`.
 */

/** The rows of one scenario. */
export interface Part {
  readonly scenario: string
  readonly title: string
  readonly rows: readonly Row[]
}

const path = '.bench/result.json'

/** Prints one scenario's rows. */
export function print({ scenario, title, rows }: Part): void {
  console.log(`\n${scenario}: ${title}`)
  const width = Math.max(...rows.map(({ what }) => what.length))
  for (const row of rows) {
    const cells = [
      row.what.padEnd(width),
      show(row.value, row.unit).padStart(11),
      (row.target === undefined ? '' : `<= ${show(row.target, row.unit)}`).padStart(13),
      mark(row).padEnd(6),
      row.spread === undefined
        ? ''
        : `[${show(row.spread[0], row.unit)} .. ${show(row.spread[1], row.unit)}]`,
      row.note ?? '',
    ]
    console.log(`  ${cells.filter((cell) => cell !== '').join('  ')}`)
  }
}

/** Writes all rows, with what a reader needs to place them. */
export function save(parts: readonly Part[]): void {
  mkdirSync('.bench', { recursive: true })
  const host = { node: process.version, cores: cpus().length }
  const scenarios = parts.map(({ rows, ...part }) => ({
    ...part,
    rows: rows.map((row) => ({ ...row, met: met(row) })),
  }))
  writeFileSync(path, `${JSON.stringify({ host, scenarios }, undefined, 2)}\n`)
  console.log(`\nwritten to ${path}`)
}

/** Rows that `--strict` fails for: ratios and sizes; a time would judge the machine. */
export function missed(parts: readonly Part[]): Row[] {
  const judged: readonly Unit[] = ['x', 'bytes']
  return parts
    .flatMap(({ rows }) => rows)
    .filter((row) => judged.includes(row.unit) && met(row) === false)
}

function met({ value, target }: Row): boolean | undefined {
  return value === undefined || target === undefined ? undefined : value <= target
}

function mark(row: Row): string {
  const result = met(row)
  if (result === undefined) return row.value === undefined ? 'n/a' : ''
  return result ? 'ok' : 'MISSED'
}

function show(value: number | undefined, unit: Unit): string {
  if (value === undefined) return '-'
  if (unit === 'x') return `${value.toFixed(2)} x`
  return `${Math.round(value)} ${unit}`
}
