import type { Clock, ServerClock } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import type { AdminApi } from './admin-api.ts'
import { createBackfill } from './backfill.ts'
import { tieWindow } from './decide.ts'
import type { TenantKnowledge } from './facts.ts'
import { createIdentities } from './identities.ts'
import { createIntake } from './intake.ts'
import type { Knowledge } from './knowledge.ts'
import { createKnowledge } from './knowledge.ts'
import { createStream } from './stream.ts'
import type { TenantOf } from './tenant.ts'

/** One tenant's signals. */
export interface Feed {
  readonly tenant: TenantOf
  readonly knowledge: TenantKnowledge & Pick<Knowledge, 'listeners'>
  /** Ended; a new one must be asked for. */
  readonly closed: boolean
  /** Somebody asked for this tenant since it was last set to false. */
  used: boolean
  /** Why the first list is not applied yet; undefined once it was, for good. */
  unready(): string | undefined
  status(): FeedStatus
  close(): void
}

/** What one feed says of itself. Ages in milliseconds. */
export interface FeedStatus extends TenantOf {
  /** Its name in metrics. */
  readonly label: string
  readonly state: TenantKnowledge['state']
  /** How long it has been in this state. */
  readonly stateAge: number
  /** Since the last proof of life; undefined before the first. */
  readonly proofAge: number | undefined
  /** Every signal since then is known, as ISO 8601; undefined where nothing is known yet. */
  readonly knownSince: string | undefined
  readonly marks: number
  /** Signals that arrived and are not applied yet. */
  readonly pending: number
  /** Why the stream or the list fails; undefined where neither does. */
  readonly problem: string | undefined
}

export interface FeedOptions {
  readonly tenant: TenantOf
  /** Its name in metrics: `account/project` where the settings name it, else `other`. */
  readonly label: string
  readonly api: AdminApi
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly observer: Observer
  /** `GATE_SIGNAL_POLL`. */
  readonly poll: number
  /** `GATE_STREAM_RENEW`. */
  readonly renewEvery: number
  /** How long marks are kept; grows with the longest-lived token seen. */
  readonly maxLifetime: () => number
}

/**
 * Follows one tenant: the stream for speed, the list for truth. The feed is live while a stream is,
 * and only from the first reading of the list that was asked for after its `connected`.
 *
 * @param options tenant, admin routes, clocks, periods
 */
export function createFeed(options: FeedOptions): Feed {
  const { tenant, api, clock, serverClock, observer } = options
  const knowledge = createKnowledge({ since: clock.monotonic() })
  const identities = createIdentities({
    clock,
    lookUp: (id) => api.wimseUri(tenant, id),
    onFailure: (error) => complain('an identity could not be looked up', error),
  })
  const intake = createIntake({ ...options, knowledge, identities })
  let stateSince = clock.monotonic()
  let listProblem: string | undefined
  /** A reading must have been asked for after this to close the gap; undefined: there is none. */
  let gapSince: number | undefined = Number.NEGATIVE_INFINITY
  let cancelPoll: () => void = () => {}
  let closed = false
  /** What the first reading of the list left to look up; undefined before it. */
  let first: readonly string[] | undefined
  let applied = false

  const backfill = createBackfill({
    clock,
    list: (limit) => api.page(tenant, limit),
    onPage: ({ signals, unreadable }) => intake.page(signals, unreadable),
    onCovered({ askedAt, knownSince }) {
      listProblem = undefined
      if (knownSince !== undefined) knowledge.covered(knownSince, clock.monotonic())
      if (gapSince !== undefined && askedAt >= gapSince) {
        gapSince = undefined
        knowledge.dismiss(unreadable)
      }
      first ??= knowledge.pendingIds()
      knowledge.proved(askedAt)
      knowledge.prune(serverClock.now() - options.maxLifetime() - tieWindow)
      updateState()
      poll()
    },
    onFailure(error) {
      if (listProblem === undefined) complain('the signal list could not be read', error)
      listProblem = messageOf(error)
      poll()
    },
  })

  const stream = createStream({
    clock,
    renewEvery: options.renewEvery,
    open: (signal) => api.stream(tenant, signal),
    onConnected(gap) {
      // It proves that signals will come, not that none was lost before: that is for the list.
      if (gap) gapSince = clock.monotonic()
      updateState()
      backfill.read()
    },
    onSignal(data) {
      if (intake.event(data)) return
      // It may have been a revocation: until the list tells whose, everybody is asked about.
      observer.signal?.('unreadable', 'stream')
      gapSince = clock.monotonic()
      knowledge.suspect(unreadable, intake.doubt(), undefined)
      updateState()
      backfill.read()
    },
    onLost(reason) {
      observer.note?.('info', 'the signal stream ended; reconnecting', { ...tenant, reason })
      updateState()
      backfill.read()
    },
  })

  function poll(): void {
    cancelPoll()
    if (!closed) cancelPoll = clock.after(options.poll, () => backfill.read())
  }

  function updateState(): void {
    const live = stream.state() === 'live' && gapSince === undefined
    const state = live ? 'live' : knowledge.state === 'connecting' ? 'connecting' : 'lost'
    if (state === knowledge.state) return
    knowledge.setState(state)
    stateSince = clock.monotonic()
    observer.note?.('info', `feed ${state}`, { ...tenant })
  }

  function complain(message: string, error: unknown): void {
    if (!closed) observer.note?.('warn', message, { ...tenant, problem: messageOf(error) })
  }

  poll()
  backfill.read()
  return {
    tenant,
    knowledge,
    get closed() {
      return closed
    },
    used: true,
    unready() {
      // Of the first reading alone: whoever may ingest could keep a gate from ever being ready.
      const left = first?.filter((id) => knowledge.isPending(id)).length
      applied ||= left === 0
      return applied ? undefined : waitingFor(left, listProblem ?? stream.problem())
    },
    status: () => ({
      ...tenant,
      label: options.label,
      ...statusOf(knowledge, clock.monotonic()),
      stateAge: clock.monotonic() - stateSince,
      problem: listProblem ?? stream.problem(),
    }),
    close() {
      closed = true
      cancelPoll()
      stream.close()
      backfill.close()
      identities.close()
      intake.close()
      // Tokens in memory hold on to their feed.
      knowledge.close()
    },
  }
}

/** Stands for every signal of the stream that cannot be read; the server's ids are UUIDs. */
const unreadable = 'unreadable'

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'failed'
}

function waitingFor(pending: number | undefined, problem: string | undefined): string {
  return pending === undefined
    ? `are not read yet: ${problem ?? 'not answered yet'}`
    : `are not applied yet: ${pending} are pending`
}

function statusOf(
  knowledge: Knowledge,
  now: number,
): Omit<FeedStatus, keyof TenantOf | 'label' | 'stateAge' | 'problem'> {
  return {
    state: knowledge.state,
    proofAge: finite(now - knowledge.provedAt),
    knownSince: timeText(knowledge.knownSince),
    marks: knowledge.markCount(),
    pending: knowledge.pendingCount(),
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

function timeText(time: number): string | undefined {
  return Number.isFinite(time) ? new Date(time).toISOString() : undefined
}
