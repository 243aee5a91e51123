import { LRUCache } from 'lru-cache'
import { createBackoff } from '../backoff.ts'
import type { Clock } from '../clock.ts'

/** Whose identity an id is. */
export type Resolution =
  | { readonly kind: 'subject'; readonly subject: string }
  /** Another tenant's, or nobody's: the server revoked nothing. */
  | { readonly kind: 'foreign' }

/** Turns the UUIDs of signals into the WIMSE URIs of tokens. */
export interface Identities {
  /** What is known at once. `stale`: of long ago, so that the agent may have been renamed since. */
  known(identityId: string): { readonly subject: string; readonly stale: boolean } | undefined
  /**
   * Looks an id up, as often as it takes: until it is resolved the tenant is asked, not trusted.
   *
   * @param done called once with the answer; not after `close`
   */
  resolve(identityId: string, done: (resolution: Resolution) => void): void
  close(): void
}

export interface IdentitiesOptions {
  readonly clock: Clock
  /** Looks one id up; undefined where the tenant has none of this id. Rejects where it cannot tell. */
  readonly lookUp: (identityId: string) => Promise<string | undefined>
  /** Look-ups began to fail; each will be tried again. Told once, until one succeeds. */
  readonly onFailure: (error: unknown) => void
  /** Look-ups at a time, default 8. */
  readonly width?: number
  /** Identities remembered, default 50 000. */
  readonly max?: number
}

/** Look-ups begun within one second at most: whoever may ingest can name any number of ids. */
const perSecond = 500
/** Milliseconds after which a known name is looked up again. */
const freshFor = 60_000

/**
 * Cached, one look-up for each id at a time, and a bounded number of look-ups per second.
 *
 * @param options how to look up, and bounds
 */
export function createIdentities(options: IdentitiesOptions): Identities {
  const { clock, lookUp, onFailure, width = 8, max = 50_000 } = options
  // By size and not by `max`, which would reserve the room of all of them for each tenant.
  const subjects = new LRUCache<string, { readonly subject: string; readonly at: number }>({
    maxSize: max,
    sizeCalculation: () => 1,
  })
  const waiting = new Map<string, ((resolution: Resolution) => void)[]>()
  const queue: string[] = []
  const backoff = createBackoff(250, 10_000)
  let underWay = 0
  let failing = false
  let budget = perSecond
  let cancelRefill: (() => void) | undefined
  let closed = false

  function pump(): void {
    while (!closed && underWay < width && queue.length > 0 && budget > 0) {
      const id = queue.shift()
      if (id === undefined) return
      budget--
      underWay++
      void lookUpOne(id).finally(() => {
        underWay--
        pump()
      })
    }
    if (budget < perSecond) refillLater()
  }

  function refillLater(): void {
    cancelRefill ??= clock.after(1_000, () => {
      cancelRefill = undefined
      budget = perSecond
      pump()
    })
  }

  async function lookUpOne(id: string): Promise<void> {
    try {
      const subject = await lookUp(id)
      backoff.reset()
      failing = false
      if (subject !== undefined && !closed) subjects.set(id, { subject, at: clock.monotonic() })
      settle(id, subject === undefined ? { kind: 'foreign' } : { kind: 'subject', subject })
    } catch (error) {
      if (closed) return
      if (!failing) onFailure(error)
      failing = true
      clock.after(backoff.next(), () => {
        if (closed) return
        queue.push(id)
        pump()
      })
    }
  }

  function settle(id: string, resolution: Resolution): void {
    const done = waiting.get(id) ?? []
    waiting.delete(id)
    if (!closed) for (const tell of done) tell(resolution)
  }

  return {
    known(identityId) {
      const found = subjects.get(identityId)
      if (found === undefined) return undefined
      return { subject: found.subject, stale: clock.monotonic() - found.at > freshFor }
    },
    resolve(identityId, done) {
      const others = waiting.get(identityId)
      if (others !== undefined) {
        others.push(done)
        return
      }
      waiting.set(identityId, [done])
      queue.push(identityId)
      pump()
    },
    close() {
      closed = true
      cancelRefill?.()
      subjects.clear()
      waiting.clear()
      queue.length = 0
    },
  }
}
