import type { AccessError } from '../errors.ts'
import type { Bounds } from '../revocation/decide.ts'
import type { Allow, Deny, Unknown } from '../verdict.ts'
import { deny, unknown } from '../verdict.ts'
import { accessErrorOf, gateClosed } from './access-error.ts'
import { createFeedNews } from './feed-news.ts'
import type { Remembered } from './memory.ts'
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
   * @throws TypeError where the allow is another token's
   */
  open(allow: Allow, known: Remembered | Promise<Remembered | Deny | Unknown>, token: string): Watch
  /** The server called this token inactive. */
  inactive(known: Remembered): void
  /** Watches that are open. */
  size(): number
  close(): void
}

/** Everybody who waits for the end of one token. */
interface Group {
  readonly controllers: Set<AbortController>
  readonly watched: WatchedToken
}

/**
 * @param parts the judge, clocks and bounds
 */
export function createWatches(parts: WatchParts): Watches {
  // In `live` mode an open watch has no request to ask for: it is kept as fresh as in `hybrid`.
  const bounds: Bounds = {
    ...parts.bounds,
    mode: parts.bounds.mode === 'live' ? 'hybrid' : parts.bounds.mode,
  }
  const news = createFeedNews()
  const groups = new Map<Remembered, Group>()
  let closed = false

  function end(known: Remembered, reason: AccessError): void {
    const group = groups.get(known)
    if (group === undefined) return
    groups.delete(known)
    group.watched.stop()
    for (const controller of group.controllers) controller.abort(reason)
    group.controllers.clear()
  }

  function join(known: Remembered, token: string, controller: AbortController): Group {
    const found = groups.get(known)
    if (found !== undefined) {
      found.controllers.add(controller)
      return found
    }
    const watched = createWatchedToken(known, token, { ...parts, bounds, news }, (why) =>
      end(known, accessErrorOf(why)),
    )
    const group = { controllers: new Set([controller]), watched }
    groups.set(known, group)
    watched.look()
    return group
  }

  function leave(known: Remembered, group: Group, controller: AbortController): void {
    if (!group.controllers.delete(controller) || group.controllers.size > 0) return
    group.watched.stop()
    groups.delete(known)
  }

  return {
    open(allow, known, token) {
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
          const group = join(admitted, token, controller)
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
    inactive: (known) => end(known, accessErrorOf(deny('token_inactive'))),
    size: () => [...groups.values()].reduce((sum, { controllers }) => sum + controllers.size, 0),
    close() {
      closed = true
      for (const known of [...groups.keys()]) end(known, gateClosed())
    },
  }
}
