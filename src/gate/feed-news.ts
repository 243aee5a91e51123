import type { Feed } from '../revocation/feed.ts'

/** Calls back when a feed learnt something, once for each burst of signals. */
export interface FeedNews {
  /** @returns a function that ends it */
  follow(feed: Feed, look: () => void): () => void
}

interface Followed {
  readonly looks: Set<() => void>
  readonly listener: () => void
}

/** One listener on each feed that is followed, whatever the number of those who follow it. */
export function createFeedNews(): FeedNews {
  const followed = new Map<Feed, Followed>()

  function listen(feed: Feed): Followed {
    const looks = new Set<() => void>()
    let due = false
    const tell = (): void => {
      due = false
      for (const look of looks) look()
    }
    const listener = (): void => {
      if (!due) setImmediate(tell)
      due = true
    }
    feed.knowledge.listeners.add(listener)
    const made = { looks, listener }
    followed.set(feed, made)
    return made
  }

  return {
    follow(feed, look) {
      const { looks, listener } = followed.get(feed) ?? listen(feed)
      looks.add(look)
      return () => {
        if (!looks.delete(look) || looks.size > 0) return
        followed.delete(feed)
        feed.knowledge.listeners.delete(listener)
      }
    },
  }
}
