import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { forkHelper } from './fork.ts'

/** A ZeroID server in a process of its own, so that its work is not taken for the gate's. */
export interface Burst {
  readonly url: string
  /** One token of each agent, issued a minute ago. */
  readonly victims: readonly string[]
  readonly bystander: string
  /** Sends this many signals about the agents in turn, as fast as it can. */
  send(signals: number): Promise<void>
}

export async function startBurst(agents: number): Promise<Burst> {
  const { started, tell } = await forkHelper<Omit<Burst, 'send'>>('burst-server.ts', agents)
  return { ...started, send: async (signals) => void (await tell(signals)) }
}

/**
 * Watches the event loop of this process.
 *
 * @returns a function that tells the longest stretches in which nothing else could run, longest
 *   first, in milliseconds of this thread's own work: time that the machine gave to others does
 *   not count where the system tells (Linux)
 */
export function watchLoop(): () => number[] {
  const stretches: number[] = []
  let last = performance.now()
  let worked = threadTime()
  let watching = true
  function turn(): void {
    const now = performance.now()
    const time = threadTime()
    stretches.push(Math.min(now - last, time - worked))
    last = now
    worked = time
    if (watching) setTimeout(turn, 5)
  }
  setTimeout(turn, 5)
  return () => {
    watching = false
    return stretches.sort((a, b) => b - a).slice(0, 10)
  }
}

/** Bytes of the heap that are in use, after a collection. */
export function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

/** Milliseconds that this thread has worked; the wall clock where that cannot be told. */
function threadTime(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6
  } catch {
    return performance.now()
  }
}
