import { cpSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The way to the built code: what is measured is what is shipped, run by Node without a loader's
 * help. Types come from `src/`, so that a checkout without a build can be type-checked.
 */

const variable = 'BENCH_BUILT'

/**
 * Copies `dist/` to where nobody builds, so that a build during a run does not mix two versions.
 * Processes started afterwards use the copy. Where `BENCH_BUILT` names a build, that one is used.
 */
export function keepBuild(): void {
  if (process.env[variable] !== undefined) return
  const copy = resolve('.bench/dist')
  rmSync(copy, { recursive: true, force: true })
  cpSync(resolve('dist'), copy, { recursive: true })
  process.env[variable] = copy
}

/** The path of a built file, such as `cli.js`. */
export function builtPath(name: string): string {
  return resolve(process.env[variable] ?? 'dist', name)
}

/** Imports a built module, such as `gate.js`; `M` is the type of its source. */
export async function importBuilt<M>(name: string): Promise<M> {
  return (await import(pathToFileURL(builtPath(name)).href)) as M
}
