import autocannon from 'autocannon'
import type { Child } from './child.ts'
import { median } from './scenario.ts'

/**
 * Loads servers in turns. What counts is the CPU time per request, as the operating system has it
 * for the server's process: requests per second also measure the load and whatever else runs.
 */

/** A server under load. */
export interface Contender {
  readonly name: string
  readonly server: Child
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** The token of the next request; default: what `headers` has. */
  readonly nextToken?: () => string
  /** The status of every answer; another one stops the run. Default 200. */
  readonly status?: number
  /** Its part of the requests, default 1: less where one takes milliseconds. */
  readonly portion?: number
}

/** One round of one server. */
export interface Sample {
  /** Microseconds of CPU for each request. */
  readonly cpu: number
  readonly perSecond: number
}

export interface RaceOptions {
  readonly rounds: number
  /** Requests of each contender in each round. */
  readonly requests: number
  /** Requests before the first round. */
  readonly warmUp: number
}

const connections = 16

/** How many tokens a race takes from each contender's supply at most. */
export function tokensNeeded({ rounds, requests, warmUp }: RaceOptions): number {
  return rounds * (requests + connections) + warmUp + connections
}

/** Hands out tokens one after the other, each once. */
export function supply(tokens: readonly string[]): () => string {
  let next = 0
  return () => {
    const token = tokens[next++]
    // A throw would be lost inside autocannon; the answer will stop the run.
    return token ?? 'none.is.left'
  }
}

/**
 * Warms every contender, then loads them in turns.
 *
 * @returns each contender's samples, one for each round, by name
 */
export async function race(
  contenders: readonly Contender[],
  options: RaceOptions,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]))
  const portionOf = (amount: number, { portion = 1 }: Contender): number =>
    Math.max(connections, Math.round(amount * portion))
  for (const contender of contenders) {
    await load(contender, portionOf(options.warmUp, contender))
  }
  for (let round = 0; round < options.rounds; round++) {
    // Every second round backwards: what drifts during a round favours nobody.
    const order = round % 2 === 0 ? contenders : [...contenders].reverse()
    for (const contender of order) {
      const requests = portionOf(options.requests, contender)
      const before = await contender.server.cpu()
      const seconds = await load(contender, requests)
      const used = (await contender.server.cpu()) - before
      samples.get(contender.name)?.push({ cpu: used / requests, perSecond: requests / seconds })
    }
  }
  return samples
}

/**
 * Races that start every server anew for each round: how one process happens to lie in memory can
 * make as much of a difference as what is measured, and its whole life.
 *
 * @param start starts the contenders; each server is stopped after its round
 */
export async function raceAfresh(
  start: () => Promise<readonly Contender[]>,
  { rounds, ...options }: RaceOptions,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>()
  for (let round = 0; round < rounds; round++) {
    const contenders = await start()
    const order = round % 2 === 0 ? contenders : [...contenders].reverse()
    for (const [name, sample] of await race(order, { rounds: 1, ...options })) {
      samples.set(name, [...(samples.get(name) ?? []), ...sample])
    }
    await Promise.all(contenders.map(({ server }) => server.stop()))
  }
  return samples
}

/** The ratio of two contenders' CPU per request, round by round. */
export function cpuRatios(
  samples: ReadonlyMap<string, readonly Sample[]>,
  ours: string,
  theirs: string,
): number[] {
  const base = samples.get(theirs) ?? []
  return (samples.get(ours) ?? []).map(({ cpu }, round) => cpu / (base[round]?.cpu ?? Number.NaN))
}

/** The medians behind a ratio, for people. */
export function describe(samples: ReadonlyMap<string, readonly Sample[]>, name: string): string {
  const rounds = samples.get(name) ?? []
  const cpu = median(rounds.map((sample) => sample.cpu))
  const perSecond = median(rounds.map((sample) => sample.perSecond))
  return `${name} ${cpu.toFixed(1)} us, ${Math.round(perSecond)}/s`
}

/** @returns seconds from the first request to the last answer */
async function load(contender: Contender, amount: number): Promise<number> {
  const { name, url, headers = {}, nextToken, status = 200 } = contender
  const requests =
    nextToken === undefined
      ? [{}]
      : [
          {
            setupRequest: (request: object) => ({
              ...request,
              headers: { ...headers, authorization: `Bearer ${nextToken()}` },
            }),
          },
        ]
  const rest = stayAwake()
  const since = performance.now()
  let last = since
  const run = autocannon({ url, amount, connections, headers, requests, sampleInt: 50 })
  run.on('response', () => {
    last = performance.now()
  })
  const result = await run
  rest()
  const answered = result.statusCodeStats[String(status)]?.count ?? 0
  if (answered !== amount || result.errors > 0 || result.resets > 0) {
    const seen = JSON.stringify(result.statusCodeStats)
    throw new Error(`${name}: ${answered} of ${amount} answers were ${status}: ${seen}`)
  }
  return (last - since) / 1000
}

/**
 * Keeps this process from sleeping. Who answers a sleeper must wake it, and pays for that: a server
 * that is slower than its load would pay for what one that is faster never meets.
 *
 * @returns lets it sleep again
 */
function stayAwake(): () => void {
  let awake = true
  const turn = (): void => void (awake && setImmediate(turn))
  turn()
  return () => {
    awake = false
  }
}
