import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { startServer } from '../child.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { medianRow } from '../scenario.ts'
import type { Tree, Zeroid } from '../zeroid.ts'
import { nextSecond, startZeroid } from '../zeroid.ts'

/**
 * From the server's answer to `signals/ingest` to the end of an answer that was open in an app: of
 * the agent that the signal names, and of its sub-agent. A bystander of the same tenant has a
 * stream open all the while; it must outlive every signal.
 */
export const cut: Scenario = {
  name: 'cut',
  title: 'from an accepted signal to the end of the open streams of the agent and its sub-agent',
  run,
}

/** An answer that stays open. */
interface Stream {
  /** What came so far. */
  text(): string
  /** Resolves with the moment (`performance.now()`) when the server ended it. */
  readonly ended: Promise<number>
  /** Resolves with the next thing that comes. */
  next(): Promise<void>
  leave(): void
}

/** Milliseconds until the stream of each ended. */
interface Lags {
  readonly agent: number
  readonly subAgent: number
}

const account = 'acct-demo'
const project = 'proj-demo'
/** Milliseconds after which a stream counts as one that will never end. */
const patience = 10_000

async function run({ scale }: Effort): Promise<readonly Row[]> {
  const signals = Math.max(5, Math.round(200 * scale))
  const zeroid = await startZeroid()
  const app = await startServer('stream', { zeroid: zeroid.url })
  const url = `${app.started.url}/events`
  const trees = await zeroid.trees(signals, account)
  const [other = ''] = await zeroid.mint(1)
  // Tokens of the signal's own second are asked about: here the marks themselves are measured.
  await nextSecond()
  const bystander = await open(url, other)
  const lags: Lags[] = []
  for (const tree of trees) lags.push(await lagsOf(zeroid, url, tree))
  await assertOpen(bystander)
  bystander.leave()
  await app.stop()
  await zeroid.stop()
  const rows = [
    row(
      "p99, the agent's stream",
      lags.map(({ agent }) => agent),
    ),
    row(
      "p99, its sub-agent's stream",
      lags.map(({ subAgent }) => subAgent),
    ),
  ]
  return rows
}

function row(what: string, lags: readonly number[]): Row {
  const sorted = [...lags].sort((a, b) => a - b)
  const p99 = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)] ?? Number.NaN
  const { value, ...rest } = medianRow(what, 'ms', lags, { target: 50, figures: { lags } })
  const note = `median ${value?.toFixed(1)}, of ${lags.length} signals; the bystander's stayed open`
  return { ...rest, value: p99, note }
}

async function lagsOf(zeroid: Zeroid, url: string, tree: Tree): Promise<Lags> {
  const [first = '', second = ''] = tree.tokens
  const agent = await open(url, first)
  const subAgent = await open(url, second)
  const answer = await fetch(`${zeroid.url}/api/v1/signals/ingest`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-account-id': account,
      'x-project-id': project,
    },
    body: JSON.stringify({
      identity_id: tree.identityId,
      signal_type: 'anomalous_behavior',
      severity: 'critical',
      source: 'bench',
    }),
  })
  const since = performance.now()
  if (answer.status !== 201) throw new Error(`the signal was not accepted: ${answer.status}`)
  return { agent: await lagOf(agent, since), subAgent: await lagOf(subAgent, since) }
}

/** A stream may end before the answer to the signal is read; that counts as no time at all. */
async function lagOf(stream: Stream, since: number): Promise<number> {
  const at = await within(stream.ended, 'the stream of a revoked token stays open')
  if (!stream.text().includes('event: revoked')) throw new Error('a stream ended for another cause')
  return Math.max(0, at - since)
}

/** @throws Error unless the stream still brings something */
async function assertOpen(stream: Stream): Promise<void> {
  const gone = stream.ended.then(() => {
    throw new Error("the bystander's stream was cut")
  })
  await within(Promise.race([gone, stream.next()]), "the bystander's stream is silent")
}

/** Opens a stream and waits for its first event. */
async function open(url: string, token: string): Promise<Stream> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on('error', reject)
  })
  if (response.statusCode !== 200) throw new Error(`a stream answered ${response.statusCode}`)
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
  })
  response.on('error', () => {})
  const ended = new Promise<number>((resolve) => {
    response.once('close', () => resolve(performance.now()))
  })
  const next = (): Promise<void> => new Promise((resolve) => response.once('data', () => resolve()))
  await within(next(), 'an open stream says nothing')
  return { text: () => text, ended, next, leave: () => void response.destroy() }
}

async function within<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), patience)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
