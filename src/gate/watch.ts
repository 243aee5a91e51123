import type { AccessError } from '../errors.ts'
import type { Allow, Deny, Unknown } from '../verdict.ts'
import { deny, unknown } from '../verdict.ts'
import { accessErrorOf, gateClosed } from './access-error.ts'
import { createFeedNews } from './feed-news.ts'
import type { Remembered } from './memory.ts'
import type { Terms } from './terms.ts'
import type { WatchedToken, WatchParts } from './watched-token.ts'
import { createWatchedToken } from './watched-token.ts'

/** An allow that is looked after for as long as something rests on it. */
export interface Watch {
  /** Aborted with an `AccessError` the moment the allow would not be given any more. */
  readonly signal: AbortSignal
  /** Nothing rests on it any more: the signal will not be aborted. */
  release(): void
}

/** All watches of a gate. */
export interface Watches {
  /**
   * @param allow what was said of the token
   * @param known the token, as remembered; a promise where it was forgotten meanwhile
   * @param token the token itself: kept while the watch is open, so that the server can be asked
   * @param terms of the place: how fresh what is open must be kept
   * @throws TypeError where the allow is another token's
   */
  open(
    allow: Allow,
    known: Remembered | Promise<Remembered | Deny | Unknown>,
    token: string,
    terms: Terms,
  ): Watch
  /** The server called this token inactive. */
  inactive(known: Remembered): void
  /** Watches that are open. */
  size(): number
  close(): void
}

/** Everybody who waits for the end of one token on like terms. */
interface Group {
  readonly terms: Terms
  readonly controllers: Set<AbortController>
  readonly watched: WatchedToken
}

/**
 * @param parts the judge and clocks
 */
export function createWatches(parts: WatchParts): Watches {
  const news = createFeedNews()
  const groups = new Map<Remembered, Group[]>()
  let closed = false

  function end(known: Remembered, group: Group, reason: AccessError): void {
    forget(known, group)
    for (const controller of group.controllers) controller.abort(reason)
    group.controllers.clear()
  }

  function endAll(known: Remembered, reason: AccessError): void {
    for (const group of groups.get(known) ?? []) end(known, group, reason)
  }

  function forget(known: Remembered, group: Group): void {
    group.watched.stop()
    const others = (groups.get(known) ?? []).filter((other) => other !== group)
    if (others.length === 0) groups.delete(known)
    else groups.set(known, others)
  }

  function join(
    known: Remembered,
    token: string,
    terms: Terms,
    controller: AbortController,
  ): Group {
    const present = groups.get(known) ?? []
    const found = present.find((group) => areAlike(group.terms, terms))
    if (found !== undefined) {
      found.controllers.add(controller)
      return found
    }
    const watched = createWatchedToken(known, token, { ...parts, news, terms }, (why) =>
      end(known, group, accessErrorOf(why)),
    )
    const group: Group = { terms, controllers: new Set([controller]), watched }
    groups.set(known, [...present, group])
    watched.look()
    return group
  }

  function leave(known: Remembered, group: Group, controller: AbortController): void {
    if (!group.controllers.delete(controller) || group.controllers.size > 0) return
    forget(known, group)
  }

  return {
    open(allow, known, token, terms) {
      if (!(known instanceof Promise) && known.identity.tokenId !== allow.identity.tokenId) {
        throw new TypeError('the request to be watched carries another token than was allowed')
      }
      const controller = new AbortController()
      const { signal } = controller
      let release: (() => void) | undefined
      let released = false

      function attach(admitted: Remembered | Deny | Unknown): void {
        if (released) return
        if (closed) controller.abort(gateClosed())
        else if ('outcome' in admitted) controller.abort(accessErrorOf(admitted))
        else {
          const group = join(admitted, token, terms, controller)
          release = () => leave(admitted, group, controller)
        }
      }

      if (known instanceof Promise) {
        void known.then(attach, () => attach(unknown('internal_error')))
      } else attach(known)
      return {
        signal,
        release() {
          released = true
          release?.()
        },
      }
    },
    inactive: (known) => endAll(known, accessErrorOf(deny('token_inactive'))),
    size: () =>
      [...groups.values()].flat().reduce((sum, { controllers }) => sum + controllers.size, 0),
    close() {
      closed = true
      for (const known of [...groups.keys()]) endAll(known, gateClosed())
    },
  }
}

/** Whether two places keep what is open equally fresh: then one look serves both. */
function areAlike(one: Terms, other: Terms): boolean {
  return (
    one.bounds.mode === other.bounds.mode &&
    one.bounds.maxStaleness === other.bounds.maxStaleness &&
    one.onUnknown === other.onUnknown
  )
}
