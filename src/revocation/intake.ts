import { LRUCache } from 'lru-cache'
import type { Clock, ServerClock } from '../clock.ts'
import { maxCorrection } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import { tieWindow } from './decide.ts'
import type { Suspicion } from './facts.ts'
import type { Identities } from './identities.ts'
import type { Knowledge } from './knowledge.ts'
import type { Signal } from './signal.ts'
import { parseSignal } from './signal.ts'
import type { TenantOf } from './tenant.ts'

/** Takes signals in, from wherever they come, each once. */
export interface Intake {
  /** The data of a stream event. @returns false where it could not be read */
  event(data: string): boolean
  /** Signals of the list, oldest first, and entries that could not be read. */
  page(signals: readonly Signal[], unreadable: readonly string[]): void
  /** A doubt on everything issued so far. */
  doubt(): Suspicion
  close(): void
}

export interface IntakeOptions {
  readonly tenant: TenantOf
  /** The tenant's name in metrics. */
  readonly label: string
  readonly knowledge: Knowledge
  readonly identities: Identities
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly observer: Observer
}

/** Signals told apart; more than any page or burst that could bring one twice. */
const remembered = 60_000
/** Milliseconds by which `created_at` may lie ahead of the server's `Date`, which has seconds only. */
const dateTolerance = 1_000
/** Milliseconds after which a listed signal is not expected on the stream any more. */
const streamGrace = 2_000

/**
 * From signals to marks: sorts out other tenants' and repeated ones, dates them by the server's
 * clock, and finds whom each one means.
 *
 * @param options tenant, what is known, look-ups, clocks
 */
export function createIntake(options: IntakeOptions): Intake {
  const { tenant, knowledge, identities, clock, serverClock, observer } = options
  // By size and not by `max`, which would reserve the room of all of them for each tenant.
  const seen = new LRUCache<string, true>({ maxSize: remembered, sizeCalculation: () => 1 })
  /** Listed before the stream brought them, and when. */
  const awaited = new Map<string, number>()
  let warnedAt = Number.NEGATIVE_INFINITY

  function take(signal: Signal, via: 'stream' | 'list'): void {
    // The server's fan-out compares a string prefix, so another tenant's signal may arrive here.
    if (signal.accountId !== tenant.accountId || signal.projectId !== tenant.projectId) {
      observer.signal?.('other_tenant', via)
      return
    }
    if (via === 'stream') awaited.delete(signal.id)
    if (seen.has(signal.id)) return
    seen.set(signal.id, true)
    if (via === 'list' && knowledge.state === 'live') awaited.set(signal.id, clock.monotonic())
    observer.signal?.(signal.revoking ? 'revoking' : 'informing', via)
    if (signal.revoking) revoke(signal, via)
  }

  function revoke(signal: Signal, via: 'stream' | 'list'): void {
    const suspicion = suspicionOf(signal.createdAt, via)
    if (signal.identityId === undefined) {
      warn('a signal names no identity; everybody issued before it is asked about')
      knowledge.suspectEverybody(suspicion)
      return
    }
    // What the first reading of the list brings is as old as it is; it says nothing of our lag.
    const historic = knowledge.knownSince === Number.POSITIVE_INFINITY
    const pending = knowledge.suspect(signal.id, suspicion, signal.missionId)
    const known = identities.known(signal.identityId)
    // What is not pending needs no look-up, so that a flood cannot make them queue without bound.
    if (pending && known?.stale !== false) {
      identities.resolve(signal.identityId, (resolution) => {
        if (resolution.kind === 'foreign') dismiss(signal, via)
        // The same name again: its mark is set already.
        else if (resolution.subject === known?.subject) knowledge.dismiss(signal.id)
        else apply(signal, resolution.subject, suspicion, historic)
      })
    }
    if (known === undefined) return
    // An old name is marked at once, and tokens under a new one are asked about until it is found.
    if (known.stale && pending) knowledge.raise(known.subject, suspicion)
    else knowledge.apply(signal.id, known.subject, suspicion)
    tell(signal, known.subject, suspicion, historic)
  }

  function apply(signal: Signal, subject: string, suspicion: Suspicion, historic: boolean): void {
    knowledge.apply(signal.id, subject, suspicion)
    tell(signal, subject, suspicion, historic)
  }

  function tell(signal: Signal, subject: string, { at }: Suspicion, historic: boolean): void {
    if (!historic) observer.revocation?.(options.label, Math.max(0, serverClock.now() - at) / 1000)
    observer.note?.('debug', 'revoked by signal', { signal: signal.id, subject })
  }

  function dismiss(signal: Signal, via: 'stream' | 'list'): void {
    observer.signal?.('other_identity', via)
    knowledge.dismiss(signal.id)
  }

  /** A date that cannot be read, or lies ahead of the server's own, counts as the server's `Date`. */
  function suspicionOf(createdAt: number | undefined, via: 'stream' | 'list' = 'list'): Suspicion {
    // Where no `Date` was ever seen, the signal's own word is better than our clock.
    const date = serverClock.date() ?? createdAt ?? serverClock.now()
    const at = createdAt === undefined || createdAt > date + dateTolerance ? date : createdAt
    const since = clock.monotonic()
    // Where clocks disagree `date` is the latest reading, and the signal may be younger.
    const age = (serverClock.earliest() ?? date) - at
    const unsettled = Math.min(tieWindow, Math.max(0, tieWindow - age))
    const upTo = createdAt === undefined ? at : doubtfulUpTo(createdAt, date, via)
    const settledAt = since + unsettled
    return upTo > at ? { at, upTo, since, settledAt } : { at, since, settledAt }
  }

  /**
   * A signal is younger than every token that was there before it, whatever their dates say. One
   * that is ahead of the last `Date` tells that the server's clock was set since, or that ours stood
   * still. One that the stream brings is new: where it seems old, the server's clock was set back, or
   * it was held up. Where replicas differ, another one may have dated the tokens.
   */
  function doubtfulUpTo(createdAt: number, date: number, via: 'stream' | 'list'): number {
    if (createdAt > date) return createdAt - date <= maxCorrection ? createdAt : date
    // Not `date`, which may be ahead by what our clock was set: new tokens would be in doubt, too.
    const present = serverClock.earliest() ?? date
    const age = present - createdAt
    const isOld = via === 'stream' && age > tieWindow && age <= maxCorrection
    return Math.max(createdAt + serverClock.spread(), isOld ? present : createdAt)
  }

  function suspectEverybody(key: string): void {
    if (seen.has(key)) return
    seen.set(key, true)
    observer.signal?.('unreadable', 'list')
    warn('a signal cannot be read; everybody issued before it is asked about')
    knowledge.suspectEverybody(suspicionOf(undefined))
  }

  /** Whoever may ingest can send any number of such signals: one line a minute tells of them. */
  function warn(message: string): void {
    const now = clock.monotonic()
    if (now - warnedAt < 60_000) return
    warnedAt = now
    observer.note?.('warn', message, { tenant: options.label })
  }

  function countMissed(): void {
    const now = clock.monotonic()
    for (const [id, since] of awaited) {
      if (now - since < streamGrace) break
      awaited.delete(id)
      observer.signalMissed?.(options.label)
    }
  }

  return {
    event(data) {
      const signal = parseSignal(parseJson(data))
      if (signal === undefined) return false
      take(signal, 'stream')
      return true
    },
    page(signals, unreadable) {
      countMissed()
      for (const signal of signals) take(signal, 'list')
      for (const key of unreadable) suspectEverybody(key)
    },
    doubt: () => suspicionOf(undefined),
    close() {
      seen.clear()
      awaited.clear()
    },
  }
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
