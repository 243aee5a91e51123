import { Agent, request } from 'node:http'
import { startGate } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { medianRow } from '../scenario.ts'
import type { Tree, Zeroid } from '../zeroid.ts'
import { nextSecond, startZeroid } from '../zeroid.ts'

/**
 * From the server's answer to `signals/ingest` to the door's 401 on three warm tokens: the agent
 * that the signal names, its sub-agent, and that one's tool. A signal counts with the slowest.
 *
 * Once with a live stream; once where the last signal is older than the time after which a stream
 * goes deaf (all periods a tenth of the usual ones); and once where no stream ever delivers.
 */
export const revocationLag: Scenario = {
  name: 'revocation-lag',
  title: 'from an accepted signal to the refusal of the agent and both below it',
  run,
}

interface Trial {
  readonly signals: number
  /** Milliseconds of silence before each signal. */
  readonly pause: number
}

const tenant = 'acct-demo/proj-demo'
const agent = new Agent({ keepAlive: true })

async function run({ scale }: Effort): Promise<readonly Row[]> {
  const some = (count: number): number => Math.max(5, Math.round(count * scale))
  const live = await measure({}, {}, { signals: some(200), pause: 0 })
  const deaf = await measure(
    { streamDeafAfter: 1_500 },
    { GATE_STREAM_RENEW: '1s' },
    { signals: some(20), pause: 1_700 },
  )
  const reset = await measure(
    { streamDeafAfter: 1_500 },
    { GATE_STREAM_RENEW: '1h' },
    { signals: some(20), pause: 1_700 },
  )
  const silent = await measure(
    {},
    { GATE_SIGNAL_POLL: '1s' },
    { signals: some(20), pause: 0 },
    true,
  )
  return [
    row('p99, live stream', live, 25),
    row('p99, stream renewed before it goes deaf', deaf, 25),
    row('p99, deaf stream reset by the signal', reset, 25),
    row('most, no stream delivers, poll 1 s', silent, 2_000),
  ]
}

function row(what: string, lags: readonly number[], target: number): Row {
  const sorted = [...lags].sort((a, b) => a - b)
  const p99 = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)] ?? Number.NaN
  const { value, spread } = medianRow(what, 'ms', lags)
  return {
    what,
    unit: 'ms',
    value: p99,
    target,
    note: `median ${value?.toFixed(1)}, of ${lags.length} signals`,
    figures: { lags },
    ...(spread === undefined ? {} : { spread }),
  }
}

async function measure(
  zeroidOptions: Parameters<typeof startZeroid>[0],
  env: Readonly<Record<string, string>>,
  trial: Trial,
  silent = false,
): Promise<readonly number[]> {
  const zeroid = await startZeroid(zeroidOptions)
  const gate = await startGate({
    ZEROID_URL: zeroid.url,
    ZEROID_TENANTS: tenant,
    GATE_MAX_STALENESS: '10m',
    GATE_LOG_LEVEL: 'silent',
    ...env,
  })
  const trees = await zeroid.trees(trial.signals)
  // Tokens of the signal's own second are asked about: here the marks themselves are measured.
  await nextSecond()
  for (const tree of trees)
    for (const token of tree.tokens) await expectStatus(gate.url, token, 200)
  if (silent) await zeroid.silent(true)
  const lags: number[] = []
  for (const tree of trees) {
    if (trial.pause > 0) await new Promise((resolve) => setTimeout(resolve, trial.pause))
    lags.push(await lagOf(zeroid, gate.url, tree))
  }
  await gate.stop()
  await zeroid.stop()
  return lags
}

async function lagOf(zeroid: Zeroid, door: string, tree: Tree): Promise<number> {
  const answer = await fetch(`${zeroid.url}/api/v1/signals/ingest`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-account-id': 'acct-demo',
      'x-project-id': 'proj-demo',
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
