import type { Suspicion, TenantKnowledge } from './decide.ts'
import { later } from './decide.ts'
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
  /** Its subject is known: the mark takes the place of the suspicion. */
  mark(subject: string): Suspicion | undefined
  apply(signalId: string, subject: string, suspicion: Suspicion): void
  /** It concerns nobody here. */
  dismiss(signalId: string): void
  /** Everybody may be meant: tokens issued up to then need a word of the server. */
  suspectEverybody(suspicion: Suspicion): void
  /** The list was read: everything since `knownSince` is known, as of the asking. */
  covered(knownSince: number, askedAt: number): void
  proved(at: number): void
  setState(state: TenantKnowledge['state']): void
  /** Forgets what no living token can be concerned by. */
  prune(cutoff: number): void
  markCount(): number
  pendingCount(): number
}

export interface KnowledgeOptions {
  /** Marks at most, default 200 000. */
  readonly maxMarks?: number
  /** Signals at most whose subject is looked up; past it everybody is suspect. Default 10 000. */
  readonly maxPending?: number
}

/**
 * @param options bounds
 */
export function createKnowledge(options: KnowledgeOptions = {}): Knowledge {
  const { maxMarks = 200_000, maxPending = 10_000 } = options
  const pending = new Set<string>()
  let pendingDoubt: Suspicion | undefined
  let everybody: Suspicion | undefined
  let state: TenantKnowledge['state'] = 'connecting'
  let provedAt = Number.NEGATIVE_INFINITY
  let knownSince = Number.POSITIVE_INFINITY
  let knownFrom = Number.NEGATIVE_INFINITY
  let lastRevoking: Suspicion | undefined

  // What a dropped mark stood for is asked of the server instead.
  const onDrop = (suspicion: Suspicion): void => {
    everybody = later(everybody, suspicion)
  }
  const subjects = createMarks({ max: maxMarks, onDrop })
  const missions = createMarks({ max: maxMarks, onDrop })

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
      if (pending.size >= maxPending) {
        everybody = later(everybody, suspicion)
        return false
      }
      pending.add(signalId)
      pendingDoubt = later(pendingDoubt, suspicion)
      return true
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
    covered(since, askedAt) {
      knownSince = since
      knownFrom = askedAt
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
  }
}
