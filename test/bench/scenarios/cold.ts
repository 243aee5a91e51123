import { startGate, startServer } from '../child.ts'
import type { Contender, RaceOptions } from '../load.ts'
import { cpuRatios, describe, race, supply, tokensNeeded } from '../load.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { median, medianRow, notMeasured } from '../scenario.ts'
import type { Zeroid } from '../zeroid.ts'
import { mintIsEvidence, nextSecond, spoil, startZeroid } from '../zeroid.ts'

/**
 * Tokens that the gate has never seen, each sent once: what somebody pays who has many short-lived
 * agents, or who is being scanned. Beside it a bare server with jose's `jwtVerify`, which is what a
 * signature costs anyway. The server that the gate asks runs elsewhere and is not counted.
 */
export const cold: Scenario = {
  name: 'cold',
  title: 'unknown tokens, each once, CPU beside a bare server with jwtVerify',
  run,
}

const path = '/oauth2/token/verify'
const body = '{"active":true}'

async function run(effort: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const rows = [
    ...(await fresh(zeroid, effort)),
    await asked(zeroid, effort),
    ...(await spoilt(zeroid, effort)),
    await inProcess(zeroid, effort),
  ]
  await zeroid.stop()
  return rows
}

function raceOf({ rounds, scale }: Effort): RaceOptions {
  return { rounds, requests: Math.round(5_000 * scale), warmUp: Math.round(5_000 * scale) }
}

/** A bare server that sends what the gate sends for a good token of the usual agent. */
async function jose(zeroid: Zeroid): Promise<Omit<Contender, 'nextToken'>> {
  const headers = {
    'X-Forwarded-User': 'spiffe://zeroid.example/acct-demo/proj-demo/agent/agent-1',
    'X-Zeroid-Identity-Type': 'agent',
    'X-Zeroid-Trust-Level': 'first_party',
    'X-Zeroid-Account-ID': 'acct-demo',
    'X-Zeroid-Project-ID': 'proj-demo',
    'X-Zeroid-External-ID': 'agent-1',
    'X-Zeroid-Scopes': 'data:read',
    'X-Zeroid-Actor': 'spiffe://zeroid.example/acct-demo/proj-demo/agent/agent-1',
    'X-Zeroid-Delegation-Depth': '0',
    'X-Zeroid-Mission-ID': '00000000-0000-4000-8000-000000000000',
    'X-Zeroid-Token-ID': '00000000-0000-4000-8000-000000000000',
    'X-Zeroid-Owner': 'user_owner',
    'Cache-Control': 'no-store',
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
  }
  const settings = { zeroid: zeroid.url, headers: Object.entries(headers).flat(), body }
  const server = await startServer('jose', settings)
  return { name: 'jwtVerify', server, url: `${server.started.url}${path}` }
}

/** Freshly minted, the feed live: a signature check and nothing to ask. */
async function fresh(zeroid: Zeroid, effort: Effort): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const mode of ['hybrid', 'local']) {
    const what = `gate / jwtVerify, nothing to ask (${mode})`
    const gate = await startGate({
      ZEROID_URL: zeroid.url,
      GATE_MODE: mode,
      ...mintIsEvidence,
    })
    await nextSecond()
    const options = raceOf(effort)
    const [first = '', ...tokens] = await zeroid.mint(tokensNeeded(options) + 1)
    const before = await zeroid.introspections()
    const { status } = await fetch(gate.url + path, {
      headers: { authorization: `Bearer ${first}` },
    })
    if (status !== 200 || (await zeroid.introspections()) > before) {
      const why = status === 200 ? 'the server was asked' : `the answer was ${status}`
      rows.push(notMeasured(what, 'x', `no live feed: ${why}`, 1.1))
      await gate.stop()
      continue
    }
    const bare = await jose(zeroid)
    const contenders = [
      { ...bare, nextToken: supply(tokens) },
      { name: 'gate', server: gate, url: gate.url + path, nextToken: supply(tokens) },
    ]
    rows.push(await compare(what, contenders, options, 1.1))
    if ((await zeroid.introspections()) > before) throw new Error('the server was asked')
    await gate.stop()
    await bare.server.stop()
  }
  return rows
}

/** Signals off: every token is introspected at first sight. */
async function asked(zeroid: Zeroid, effort: Effort): Promise<Row> {
  const gate = await startGate({
    ZEROID_URL: zeroid.url,
    GATE_SIGNALS: 'off',
    GATE_MAX_STALENESS: '1h',
  })
  const options = raceOf(effort)
  const tokens = await zeroid.mint(tokensNeeded(options))
  const bare = await jose(zeroid)
  const contenders = [
    { ...bare, nextToken: supply(tokens) },
    { name: 'gate', server: gate, url: gate.url + path, nextToken: supply(tokens) },
  ]
  const row = await compare('gate / jwtVerify, introspected', contenders, options, 3)
  await gate.stop()
  await bare.server.stop()
  return row
}

/** A wrong signature: refused locally, with and without the log line that operators get. */
async function spoilt(zeroid: Zeroid, effort: Effort): Promise<readonly Row[]> {
  const options = raceOf(effort)
  const tokens = (await zeroid.mint(tokensNeeded(options))).map(spoil)
  const bare = await jose(zeroid)
  const rows: Row[] = []
  for (const [level, what] of [
    ['warn', 'bad signature, not logged'],
    ['info', 'bad signature, each logged'],
  ] as const) {
    const gate = await startGate({ ZEROID_URL: zeroid.url, GATE_LOG_LEVEL: level })
    const contenders = [
      { ...bare, nextToken: supply(tokens), status: 401 },
      { name: 'gate', server: gate, url: gate.url + path, nextToken: supply(tokens), status: 401 },
    ]
    rows.push(await compare(`gate / jwtVerify, ${what}`, contenders, options, 1.1))
    await gate.stop()
  }
  await bare.server.stop()
  return rows
}

/** Without HTTP, which both pay alike: the strictest comparison, so it has no target. */
async function inProcess(zeroid: Zeroid, { rounds, scale }: Effort): Promise<Row> {
  const engine = await startServer('engine', { url: zeroid.url, mode: 'local' })
  const count = Math.round(4_000 * scale)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = -1; round < rounds; round++) {
    await engine.call('take', await zeroid.mint(count))
    const verified = await engine.call<number>('jose')
    const checked = await engine.call<number>('cold')
    // The first round warms up.
    if (round < 0) continue
    theirs.push(verified)
    ours.push(checked)
  }
  await engine.stop()
  const us = (values: readonly number[]): string => `${(median(values) / 1000).toFixed(1)} us`
  return medianRow(
    'gate.check / jwtVerify, in-process (local)',
    'x',
    ours.map((value, round) => value / (theirs[round] ?? Number.NaN)),
    { note: `${us(ours)}; ${us(theirs)}`, figures: { ours, theirs } },
  )
}

async function compare(
  what: string,
  contenders: readonly Contender[],
  options: RaceOptions,
  target: number,
): Promise<Row> {
  const samples = await race(contenders, options)
  return medianRow(what, 'x', cpuRatios(samples, 'gate', 'jwtVerify'), {
    target,
    note: `${describe(samples, 'gate')}; ${describe(samples, 'jwtVerify')}`,
    figures: { ours: samples.get('gate'), theirs: samples.get('jwtVerify') },
  })
}
