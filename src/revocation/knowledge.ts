import { later, tieWindow } from './decide.ts'
import type { Suspicion, TenantKnowledge } from './facts.ts'
import { createMarks } from './marks.ts'

/** What a tenant's feed knows, and how it learns. */
export interface Knowledge extends TenantKnowledge {
  /** Called when something was learnt that may change a verdict for the worse. */
  readonly listeners: Set<() => void>
  /**
   * A revoking signal arrived; nothing is known of its subject yet.
   *
   * @returns false where no more can be pending: then everybody is suspected in its place
   */
  suspect(signalId: string, suspicion: Suspicion, missionId: string | undefined): boolean
  /** Sets a mark, and leaves what is pending as it is. */
  raise(subject: string, suspicion: Suspicion): void
  /** Its subject is known: the mark takes the place of the suspicion. */
  apply(signalId: string, subject: string, suspicion: Suspicion): void
  /** It concerns nobody here. */
  dismiss(signalId: string): void
  /** Everybody may be meant: tokens issued up to then need a word of the server. */
  suspectEverybody(suspicion: Suspicion): void
  /** The list was read (monotonic, now): everything since `knownSince` is known. */
  covered(knownSince: number, at: number): void
  proved(at: number): void
  setState(state: TenantKnowledge['state']): void
  /** Forgets what no living token can be concerned by. */
  prune(cutoff: number): void
  markCount(): number
  pendingCount(): number
  /** Signals that are pending now, at most as many as may be. */
  pendingIds(): readonly string[]
  isPending(signalId: string): boolean
  /** Forgets everything, and lets nothing be allowed by it any more. */
  close(): void
}

export interface KnowledgeOptions {
  /** Marks at most, default 200 000. */
  readonly maxMarks?: number
  /** Missions marked at most: whoever may ingest can name any number. Default 20 000. */
  readonly maxMissions?: number
  /** Signals at most whose subject is looked up; past it everybody is suspect. Default 10 000. */
  readonly maxPending?: number
  /** When it begins (monotonic), default always: what was answered before covers nothing. */
  readonly since?: number
}

/**
 * @param options bounds
 */
export function createKnowledge(options: KnowledgeOptions = {}): Knowledge {
  const { maxMarks = 200_000, maxMissions = 20_000, maxPending = 10_000 } = options
  const { since: begun = Number.NEGATIVE_INFINITY } = options
  const pending = new Set<string>()
  let pendingDoubt: Suspicion | undefined
  let everybody: Suspicion | undefined
  let state: TenantKnowledge['state'] = 'connecting'
  let provedAt = Number.NEGATIVE_INFINITY
  let knownSince = Number.POSITIVE_INFINITY
  let knownFrom = begun
  let lastRevoking: Suspicion | undefined

  // What a dropped mark stood for is asked of the server instead.
  const onDrop = (suspicion: Suspicion): void => {
    everybody = later(everybody, suspicion)
  }
  const subjects = createMarks({ max: maxMarks, onDrop })
  const missions = createMarks({ max: maxMissions, onDrop })

  const listeners = new Set<() => void>()

  function settle(signalId: string): void {
    pending.delete(signalId)
    if (pending.size === 0) pendingDoubt = undefined
    changed()
  }

  function changed(): void {
    for (const listener of listeners) listener()
  }

  return {
    listeners,
    get state() {
      return state
    },
    get provedAt() {
      return provedAt
    },
    get knownSince() {
      return knownSince
    },
    get knownFrom() {
      return knownFrom
    },
    get lastRevoking() {
      return lastRevoking
    },
    get pending() {
      return later(pendingDoubt, everybody)
    },
    mark: (subject) => subjects.get(subject),
    mission: (id) => missions.get(id),
    suspect(signalId, suspicion, missionId) {
      lastRevoking = later(lastRevoking, suspicion)
      if (missionId !== undefined) missions.raise(missionId, suspicion)
      const fits = pending.size < maxPending
      if (fits) {
        pending.add(signalId)
        pendingDoubt = later(pendingDoubt, suspicion)
      } else everybody = later(everybody, suspicion)
      changed()
      return fits
    },
    raise(subject, suspicion) {
      subjects.raise(subject, suspicion)
      changed()
    },
    apply(signalId, subject, suspicion) {
      subjects.raise(subject, suspicion)
      settle(signalId)
    },
    dismiss: settle,
    suspectEverybody(suspicion) {
      lastRevoking = later(lastRevoking, suspicion)
      everybody = later(everybody, suspicion)
      changed()
    },
    covered(since, at) {
      // Signals before it were missed, and their revocations may have come a little later.
      if (since > knownSince && Number.isFinite(since)) {
        everybody = later(everybody, { at: since, since: at, settledAt: at + tieWindow })
      }
      knownSince = since
      knownFrom = at
      changed()
    },
    proved(at) {
      provedAt = Math.max(provedAt, at)
    },
    setState(now) {
      state = now
    },
    prune(cutoff) {
      subjects.prune(cutoff)
      missions.prune(cutoff)
    },
    markCount: () => subjects.size(),
    pendingCount: () => pending.size,
    pendingIds: () => [...pending],
    isPending: (signalId) => pending.has(signalId),
    close() {
      subjects.clear()
      missions.clear()
      pending.clear()
      listeners.clear()
      state = 'lost'
      provedAt = Number.NEGATIVE_INFINITY
      knownSince = Number.POSITIVE_INFINITY
      knownFrom = Number.POSITIVE_INFINITY
    },
  }
}
