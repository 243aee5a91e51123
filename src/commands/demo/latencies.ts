import { createCaller } from './caller.ts'
import type { Narrator } from './narrator.ts'
import { inMs } from './narrator.ts'
import type { Stage } from './stage.ts'
import { bearer } from './stage.ts'

/** Requests measured for each row. */
const rounds = 300
/** Seconds: the minting of a token so old is no evidence any more. */
const old = 120

interface Row {
  readonly label: string
  readonly base: string
  readonly nextToken: () => Promise<string>
}

/**
 * Measures verify over kept connections, one request after the other.
 *
 * @param stage ZeroID and gate
 * @param tell the table goes there
 */
export async function measure(stage: Stage, tell: Narrator): Promise<void> {
  const { zeroid } = stage
  const agent = await zeroid.agent({ name: 'reporter' })
  const warm = await zeroid.mint({ agent })
  const rows: Row[] = [
    {
      label: 'gate, token seen before',
      base: stage.gateUrl,
      nextToken: async () => warm,
    },
    {
      label: 'gate, first sight, just minted',
      base: stage.gateUrl,
      nextToken: () => zeroid.mint({ agent }),
    },
    {
      label: 'gate, first sight, older token',
      base: stage.gateUrl,
      nextToken: () => zeroid.mint({ agent, iat: Math.floor(zeroid.clock.now() / 1000) - old }),
    },
    {
      label: "ZeroID's own verify endpoint",
      base: stage.zeroidUrl,
      nextToken: async () => warm,
    },
  ]
  tell.say(`${''.padEnd(32)}${'median'.padStart(10)}${'p99'.padStart(10)}`)
  for (const row of rows) {
    const times = await sample(row)
    const cells = [0.5, 0.99].map((part) => inMs(quantile(times, part)).padStart(10))
    tell.say(`${row.label.padEnd(32)}${cells.join('')}`)
  }
  tell.say(`${rounds} requests each, one after the other, client and servers in this one process.`)
  tell.say('The in-memory ZeroID has no database and no network: a real one takes longer.')
}

async function sample({ label, base, nextToken }: Row): Promise<number[]> {
  const caller = createCaller(base)
  const times: number[] = []
  try {
    // The first tenth warms up connection and compiler and does not count.
    for (let round = -rounds / 10; round < rounds; round++) {
      const token = await nextToken()
      const { status, ms } = await caller.get('/oauth2/token/verify', bearer(token))
      if (status !== 200) throw new Error(`${label}: expected 200, got ${status}`)
      if (round >= 0) times.push(ms)
    }
  } finally {
    caller.close()
  }
  return times.sort((a, b) => a - b)
}

/** Nearest rank. */
function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN
}
