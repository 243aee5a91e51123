import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import type { Agent, Emulator, EmulatorOptions, Signal } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import { combineObservers } from '../../src/observe/observer.ts'
import type { FeedStatus } from '../../src/revocation/feed.ts'
import type { Verdict } from '../../src/verdict.ts'
import type { FakeClock } from './clock.ts'
import { createFakeClock } from './clock.ts'
import type { Stack } from './stack.ts'
import { bearer, createRecorder, openDoor } from './stack.ts'
import { until } from './until.ts'

/** The emulator's default tenant. */
export const demo = { accountId: 'acct-demo', projectId: 'proj-demo' }

/** Long enough never to come in a test: what is tested then works without it. */
export const never = 3_600_000

/** What a gate told about its feeds. */
export type FeedRecorder = ReturnType<typeof createFeedRecorder>

/** An observer that keeps what it was told about signals. */
export function createFeedRecorder() {
  const signals: string[] = []
  const missed: string[] = []
  const lags: { tenant: string; seconds: number }[] = []
  const recorder = createRecorder()
  const observer = combineObservers(recorder, {
    signal: (kind, via) => void signals.push(`${kind} by ${via}`),
    signalMissed: (tenant) => void missed.push(tenant),
    revocation: (tenant, seconds) => void lags.push({ tenant, seconds }),
  })
  return { ...recorder, observer, signals, missed, lags }
}

/** A gate that follows the emulator's default tenant. */
export interface Followed extends Stack {
  readonly clock: FakeClock
  readonly seen: FeedRecorder
  /** The demo tenant's feed. */
  readonly feed: () => FeedStatus
  /** Introspections that reached the server. */
  readonly asked: () => number
  /** A token of a minute ago, so that a signal of now is clearly later. */
  readonly aged: (agent?: Pick<Agent, 'id'>, claims?: Record<string, unknown>) => Promise<string>
  /** What the gate says, in one word or as `outcome reason`. */
  readonly say: (token: string) => Promise<string>
}

export interface FollowOptions extends Partial<GateOptions> {
  /** Come back before the feed is live. */
  readonly soon?: boolean
  /** The gate's clock against the server's; default: the same. */
  readonly clockError?: number
  /** Where the gate is sent instead of the emulator. */
  readonly through?: (zeroid: Emulator) => Promise<string>
}

/**
 * Starts emulator and gate on one fake clock and waits for the feed to be live. Neither the list is
 * polled nor the stream renewed unless the options say so.
 */
export async function startFollowed(
  options: FollowOptions = {},
  emulatorOptions: EmulatorOptions = {},
): Promise<Followed> {
  const { soon, clockError = 0, through, ...gateOptions } = options
  const clock = (gateOptions.clock as FakeClock | undefined) ?? createFakeClock()
  const seen = createFeedRecorder()
  const zeroid = await startEmulator({ now: () => clock.now() - clockError, ...emulatorOptions })
  onTestFinished(() => zeroid.close())
  const door = await openDoor({
    url: (await through?.(zeroid)) ?? zeroid.url,
    tenants: [demo],
    signalPoll: never,
    streamRenew: never,
    observer: seen.observer,
    ...gateOptions,
    clock: strictly(clock),
  })
  const check = async (token: string): Promise<Verdict> => await door.gate.check(bearer(token))
  const feed = (): FeedStatus => door.gate.status().tenants[0] as FeedStatus
  if (!soon) await until(() => feed().state === 'live')
  return {
    ...door,
    zeroid,
    check,
    clock,
    seen,
    feed,
    asked: () => zeroid.requests.count('introspect'),
    aged: (agent, claims = {}) => {
      const iat = Math.floor(zeroid.clock.now() / 1000) - 60
      return zeroid.mint({ ...(agent === undefined ? {} : { agent }), iat, claims })
    },
    say: async (token) => told(await check(token)),
  }
}

/** As on a real clock, no two moments are the same. */
function strictly(clock: FakeClock): Clock {
  let calls = 0
  return { ...clock, monotonic: () => clock.monotonic() + ++calls / 1e6 }
}

/** A verdict as text: `allow introspected`, `deny token_inactive`, `unknown feed_not_live`. */
export function told(verdict: Verdict): string {
  const reason = verdict.outcome === 'allow' ? verdict.evidence.kind : verdict.reason
  return `${verdict.outcome} ${reason}`
}

/** A signal as the server would write it, about this agent. */
export function signalOf(
  agent: Pick<Agent, 'id'>,
  now: number,
  changed: Partial<Record<keyof Signal | 'mission_id', unknown>> = {},
): Record<string, unknown> {
  return {
    id: randomUUID(),
    account_id: demo.accountId,
    project_id: demo.projectId,
    identity_id: agent.id,
    signal_type: 'anomalous_behavior',
    severity: 'critical',
    source: 'test',
    created_at: new Date(now).toISOString(),
    ...changed,
  }
}

/** A signal as an event of the stream. */
export function eventOf(signal: unknown): string {
  return `event: signal\ndata: ${JSON.stringify(signal)}\n\n`
}
