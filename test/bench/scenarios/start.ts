import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { builtPath } from '../built.ts'
import { end, gateEnvironment, ready } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { medianRow, notMeasured } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * A sidecar is started with every pod and is mostly idle: how long `zeroid-gate serve` takes to be
 * ready while the server is up, and what it then occupies. Exactly the command that users run,
 * nothing preloaded.
 */
export const start: Scenario = {
  name: 'start',
  title: 'zeroid-gate serve: from spawn to /ready, and the idle resident set',
  run,
}

async function run({ rounds }: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const times: number[] = []
  const cpus: number[] = []
  const sizes: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const { adminUrl, env } = await gateEnvironment({ ZEROID_URL: zeroid.url })
    const since = performance.now()
    const gate = spawn(process.execPath, [builtPath('cli.js'), 'serve'], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await ready(adminUrl, 5)
    const time = performance.now() - since
    const cpu = cpuTime(gate.pid ?? 0)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const size = residentSet(gate.pid ?? 0)
    await end(gate)
    // The first start reads the files from disk.
    if (round === 0) continue
    times.push(time)
    if (cpu !== undefined) cpus.push(cpu)
    if (size !== undefined) sizes.push(size)
  }
  await zeroid.stop()
  const idle = 'resident set, idle for 2 s'
  return [
    medianRow('spawn to ready', 'ms', times, { target: 500 }),
    ...(cpus.length > 0 ? [medianRow('CPU until ready', 'ms', cpus)] : []),
    sizes.length > 0
      ? medianRow(idle, 'MB', sizes, { target: 90 })
      : notMeasured(idle, 'MB', 'needs /proc', 90),
  ]
}

/** Milliseconds of CPU, which other processes do not stretch; undefined without `/proc`. */
function cpuTime(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    // Clock ticks in user and in kernel mode, of 10 ms each.
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return undefined
  }
}

/** Megabytes; undefined on systems without `/proc`. */
function residentSet(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kib === undefined ? undefined : (Number(kib) * 1024) / 1e6
  } catch {
    return undefined
  }
}
