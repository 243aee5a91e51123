import type { Child, MemoryUse } from '../child.ts'
import { startServer } from '../child.ts'
import { race, supply } from '../load.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * What a remembered token weighs: the heap and everything outside it that JavaScript holds
 * (`heapUsed + external`, array buffers included), collected before and after, divided by the
 * tokens. Once for the engine, once for gate and door, which keeps each caller's answer as well.
 * The server's word comes from a stand-in that always says "active", since it is not what is
 * weighed.
 */
export const memory: Scenario = {
  name: 'memory',
  title: 'memory for each remembered token (heapUsed + external after gc)',
  run,
}

async function run({ scale }: Effort): Promise<readonly Row[]> {
  const count = Math.round(100_000 * scale)
  const zeroid = await startZeroid()
  const tokens = await zeroid.mint(count)
  const warmUp = await zeroid.mint(1_000)
  const stand = await startServer('always-active', { zeroid: zeroid.url })
  const options = {
    url: String(stand.started.url),
    issuer: zeroid.url,
    signals: false,
    cacheTokens: 2 * count,
    maxStaleness: 3_600_000,
  }
  const rows = [
    await weigh('gate and door', options, warmUp, tokens, 1_500),
    await weigh('engine alone', options, warmUp, tokens),
  ]
  await stand.stop()
  await zeroid.stop()
  return rows
}

async function weigh(
  what: string,
  options: object,
  warmUp: readonly string[],
  tokens: readonly string[],
  target?: number,
): Promise<Row> {
  const atDoor = what === 'gate and door'
  const child = await startServer(atDoor ? 'door' : 'engine', options, ['--expose-gc'])
  const meet = atDoor ? meetAtDoor : meetInProcess
  await meet(child, warmUp)
  const before = await settled(child)
  await meet(child, tokens)
  const after = await settled(child)
  await child.stop()
  const held = ({ heapUsed, external }: MemoryUse): number => heapUsed + external
  const each = (held(after) - held(before)) / tokens.length
  const rss = Math.round((after.rss - before.rss) / tokens.length)
  return {
    what: `bytes per token, ${what}`,
    unit: 'bytes',
    value: each,
    note: `${tokens.length} tokens; resident set ${rss} bytes each`,
    figures: { before, after },
    ...(target === undefined ? {} : { target }),
  }
}

async function meetAtDoor(child: Child, tokens: readonly string[]): Promise<void> {
  const url = `${child.started.url}/oauth2/token/verify`
  const amount = tokens.length
  // The load asks for one more token on each connection than it sends.
  const spare = tokens.slice(0, 64)
  const nextToken = supply([...tokens, ...spare])
  await race([{ name: 'door', server: child, url, nextToken }], {
    rounds: 0,
    requests: 0,
    warmUp: amount,
  })
}

async function meetInProcess(child: Child, tokens: readonly string[]): Promise<void> {
  const part = 10_000
  for (let i = 0; i < tokens.length; i += part) {
    await child.call('take', tokens.slice(i, i + part))
    const outcomes = await child.call<Record<string, number>>('meet')
    if (Object.keys(outcomes).join() !== 'allow') throw new Error(JSON.stringify(outcomes))
  }
  // What the loop itself held must not be weighed.
  await child.call('take', [])
}

/** After connections and timers of the load are gone. */
async function settled(child: Child): Promise<MemoryUse> {
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  return await child.memory()
}
