import { createNarrator, StepFailed } from './demo/narrator.ts'
import { play } from './demo/scene.ts'
import type { Stage } from './demo/stage.ts'
import { openStage } from './demo/stage.ts'
import { maxStaleness } from './trial.ts'
import { exitCodes, readCommandLine } from './usage.ts'

/** For tests: no flag sets these. */
export interface DemoOptions {
  /** Takes one line; default: standard output. */
  readonly write?: (line: string) => void
  /** Called before the first step. */
  readonly prepare?: (stage: Stage) => void
}

/**
 * `zeroid-gate demo`: plays the scene and ends.
 *
 * @param args the command line after `demo`
 * @param options for tests
 * @returns exit code: 0 where every step did what it says
 */
export async function demo(args: readonly string[], options: DemoOptions = {}): Promise<number> {
  readCommandLine('demo', args)
  const write = options.write ?? ((line) => void process.stdout.write(`${line}\n`))
  const since = performance.now()
  const stage = await openStage()
  options.prepare?.(stage)
  write('zeroid-gate demo: an in-memory ZeroID and a gate before it')
  write('')
  write(`   ZeroID  ${stage.zeroidUrl}`)
  write(`   gate    ${stage.gateUrl}  (GATE_MAX_STALENESS ${maxStaleness.text})`)
  try {
    await play(stage, createNarrator(write))
    write(`\nEvery step did what it says (${((performance.now() - since) / 1000).toFixed(1)} s).`)
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    write(`\nFailed at step ${error.step}: ${error.message}`)
    return exitCodes.failed
  } finally {
    await stage.close()
  }
}
