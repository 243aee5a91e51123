import { LRUCache } from 'lru-cache'
import type { JudgedToken } from '../revocation/facts.ts'
import type { Feed } from '../revocation/feed.ts'
import type { Allow, Evidence, Identity } from '../verdict.ts'

/** What is kept of a verified token. The token itself is not. */
export interface Remembered {
  readonly judged: JudgedToken & { inactive: boolean }
  readonly identity: Identity
  feed: Feed | undefined
  evidence: Evidence | undefined
  /** The verdict of the present evidence, made once. */
  allow: Allow | undefined
  /** The verdict by signals alone, made once for each proof of the feed: it is nobody's evidence. */
  allowBySignals: Allow | undefined
  renewing: boolean
  /** `Keys.generation` when its signature was last verified. */
  generation: number
}

/** The tokens seen lately, by the SHA-256 of each, so that no credential lies in memory. */
export interface Memory {
  get(digest: string): Remembered | undefined
  set(digest: string, token: Remembered): void
  /** The server called a token inactive, which is final; it may have given way while it was asked. */
  condemn(token: Remembered): void
  /**
   * Seconds: a token issued up to then may have been known as inactive and forgotten, so only the
   * server's own word is evidence.
   */
  forgottenUntil(): number
  size(): number
}

/**
 * @param max tokens at most, `GATE_CACHE_TOKENS`; the one unused for longest gives way
 */
export function createMemory(max: number): Memory {
  let forgottenUntil = Number.NEGATIVE_INFINITY
  const gone = new WeakSet<Remembered>()

  function forget({ judged }: Remembered): void {
    forgottenUntil = Math.max(forgottenUntil, judged.issuedAt)
  }

  const tokens = new LRUCache<string, Remembered>({
    max,
    dispose(token, _digest, reason) {
      if (reason !== 'evict') return
      if (token.judged.inactive) forget(token)
      else gone.add(token)
    },
  })
  return {
    get: (digest) => tokens.get(digest),
    set: (digest, token) => void tokens.set(digest, token),
    condemn(token) {
      token.judged.inactive = true
      if (gone.has(token)) forget(token)
    },
    forgottenUntil: () => forgottenUntil,
    size: () => tokens.size,
  }
}
