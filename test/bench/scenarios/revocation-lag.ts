import { Agent, request } from 'node:http'
import { coreWait, startGate } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { medianRow } from '../scenario.ts'
import type { Tree, Zeroid } from '../zeroid.ts'
import { nextSecond, startZeroid } from '../zeroid.ts'

/**
 * From the server's answer to `signals/ingest` to the door's 401 on three warm tokens: the agent
 * that the signal names, its sub-agent, and that one's tool. A signal counts with the slowest.
 *
 * Once with a live stream; twice where the tenant's last signal is older than the time after which
 * a stream goes deaf, with the server's and the gate's usual periods; and once where no stream ever
 * delivers. Many tenants take turns in being silent, since each silence lasts a quarter of a minute.
 */
export const revocationLag: Scenario = {
  name: 'revocation-lag',
  title: 'from an accepted signal to the refusal of the agent and both below it',
  run,
}

interface Trial {
  readonly signals: number
  /** Tenants whose agents are revoked in turn. */
  readonly tenants: number
  /** Milliseconds that a tenant is silent before each of its signals. */
  readonly silence: number
  /** No stream delivers, as on another replica. */
  readonly silent?: boolean
  /** Each signal must find a deaf stream: as many streams must be opened. */
  readonly resets?: boolean
}

/** One signal; milliseconds. */
interface Lag {
  readonly lag: number
  /** How long gate, server and this process waited for a core meanwhile, all together. */
  readonly waited: number
}

/** A tree, and whose. */
type Grown = Tree & { readonly account: string }

/** Milliseconds between two requests of an agent: without a pause they would take a core for themselves. */
const probeEvery = 1
/** More than the server's write deadline of 15 s. */
const deafening = 16_250
const project = 'proj-demo'
const agent = new Agent({ keepAlive: true })

async function run({ scale }: Effort): Promise<readonly Row[]> {
  const some = (count: number): number => Math.max(5, Math.round(count * scale))
  const turns = { signals: some(100), tenants: 25, silence: deafening }
  const live = await measure({}, { signals: some(200), tenants: 1, silence: 0 })
  const renewed = await measure({}, turns)
  const reset = await measure({ GATE_STREAM_RENEW: '1h' }, { ...turns, resets: true })
  const silent = await measure(
    { GATE_SIGNAL_POLL: '1s' },
    { signals: some(20), tenants: 1, silence: 0, silent: true },
  )
  return [
    row('p99, live stream', live, 25),
    row('p99, 16 s of silence, stream renewed in time', renewed, 25),
    row('p99, 16 s of silence, deaf stream reset', reset, 25),
    row('most, no stream delivers, poll 1 s', silent, 2_000),
  ]
}

function row(what: string, lags: readonly Lag[], target: number): Row {
  const sorted = [...lags].sort((a, b) => a.lag - b.lag)
  const p99 = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)]
  const { value, spread } = medianRow(
    what,
    'ms',
    lags.map(({ lag }) => lag),
  )
  return {
    what,
    unit: 'ms',
    value: p99?.lag,
    target,
    note: `median ${value?.toFixed(1)}, of ${lags.length} signals${waitNote(p99?.waited)}`,
    figures: { lags },
    ...(spread === undefined ? {} : { spread }),
  }
}

function waitNote(waited: number = Number.NaN): string {
  return Number.isNaN(waited)
    ? ''
    : `; in this one all processes waited ${waited.toFixed(1)} ms for a core`
}

async function measure(
  env: Readonly<Record<string, string>>,
  trial: Trial,
): Promise<readonly Lag[]> {
  const zeroid = await startZeroid()
  const accounts = Array.from({ length: trial.tenants }, (_, i) => `acct-${i}`)
  const gate = await startGate({
    ZEROID_URL: zeroid.url,
    ZEROID_TENANTS: accounts.map((account) => `${account}/${project}`).join(),
    GATE_MAX_STALENESS: '10m',
    GATE_LOG_LEVEL: 'silent',
    ...env,
  })
  const trees = await grow(zeroid, accounts, trial.signals)
  // Tokens of the signal's own second are asked about: here the marks themselves are measured.
  await nextSecond()
  for (const tree of trees)
    for (const token of tree.tokens) await expectStatus(gate.url, token, 200)
  if (trial.silent) await zeroid.silent(true)
  const opened = await zeroid.streams()
  const waited = (): number =>
    [gate.pid, zeroid.pid, process.pid].reduce((total, pid) => total + coreWait(pid), 0)
  const lags = await revokeInTurn(trees, trial, async (tree) => {
    const before = waited()
    const lag = await lagOf(zeroid, gate.url, tree)
    return { lag, waited: waited() - before }
  })
  const reopened = (await zeroid.streams()) - opened
  if (trial.resets && reopened < trees.length) {
    throw new Error(`${trees.length} deaf streams were expected, ${reopened} were reset`)
  }
  await gate.stop()
  await zeroid.stop()
  return lags
}

/** As many trees as there are signals, the tenants taking turns. */
async function grow(
  zeroid: Zeroid,
  accounts: readonly string[],
  signals: number,
): Promise<readonly Grown[]> {
  const each = Math.ceil(signals / accounts.length)
  const groves: Grown[][] = []
  for (const account of accounts) {
    groves.push((await zeroid.trees(each, account)).map((tree) => ({ ...tree, account })))
  }
  const rounds = Array.from({ length: each }, (_, i) => groves.flatMap((grove) => grove[i] ?? []))
  return rounds.flat().slice(0, signals)
}

/** One signal after the other, at a steady pace; each tenant is silent before its own. */
async function revokeInTurn(
  trees: readonly Grown[],
  { tenants, silence }: Trial,
  lagOfTree: (tree: Grown) => Promise<Lag>,
): Promise<readonly Lag[]> {
  const began = performance.now() + silence
  const lags: Lag[] = []
  for (const [place, tree] of trees.entries()) {
    const wait = began + (place * silence) / tenants - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    lags.push(await lagOfTree(tree))
  }
  return lags
}

async function lagOf(zeroid: Zeroid, door: string, tree: Grown): Promise<number> {
  const answer = await fetch(`${zeroid.url}/api/v1/signals/ingest`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-account-id': tree.account,
      'x-project-id': project,
    },
    body: JSON.stringify({
      identity_id: tree.identityId,
      signal_type: 'anomalous_behavior',
      severity: 'critical',
      source: 'bench',
    }),
  })
  if (answer.status !== 201) throw new Error(`the signal was not accepted: ${answer.status}`)
  const since = performance.now()
  for (const token of tree.tokens) {
    while ((await statusOf(door, token)) !== 401) {
      if (performance.now() - since > 10_000) throw new Error('a revoked token still passes')
      await new Promise((resolve) => setTimeout(resolve, probeEvery))
    }
  }
  return performance.now() - since
}

async function expectStatus(door: string, token: string, status: number): Promise<void> {
  const seen = await statusOf(door, token)
  if (seen !== status) throw new Error(`${status} was expected, ${seen} came`)
}

function statusOf(door: string, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const call = request(`${door}/oauth2/token/verify`, { agent, headers }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    call.on('error', reject)
    call.end()
  })
}
