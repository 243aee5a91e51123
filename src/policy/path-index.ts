import type { Asked, Obstacle } from './conditions.ts'
import { meets } from './conditions.ts'
import type { PathShape } from './pattern.ts'
import type { Route } from './policy.ts'
import type { Trie } from './trie.ts'
import { addToTrie, createTrie, walkTrie } from './trie.ts'

/** Finds the first of many routes without looking at each. */
export interface PathIndex {
  /**
   * @param path normal, in the reading that the index is for
   * @param asked the rest of the request
   * @returns the place of the first route that matches, from 0, and what stands in the way of
   *   telling; undefined where none matches
   */
  first(path: string, asked: Asked): Found | undefined
}

/** The first route that matches, or may for all that can be told. */
export interface Found {
  readonly index: number
  readonly obstacle: Obstacle | undefined
}

/**
 * Makes an index: by host, then by the segments of the path.
 *
 * @param routes in order
 * @param shapeOf how the index reads the path of a route
 */
export function createPathIndex(
  routes: readonly Route[],
  shapeOf: (route: Route) => PathShape,
): PathIndex {
  const byHost = new Map<string, Trie>()
  /** Routes without a host, and with a wildcard. */
  const shared = createTrie(0)
  /** For a request whose host nobody can tell: each route is asked. */
  const all = createTrie(0)

  for (const [i, route] of routes.entries()) {
    const { host } = route.when
    const shape = shapeOf(route)
    addToTrie(all, shape, i)
    if (host === undefined || host.wildcard) {
      addToTrie(shared, shape, i)
    } else {
      const own = byHost.get(host.name) ?? createTrie(i)
      byHost.set(host.name, own)
      addToTrie(own, shape, i)
    }
  }

  const none = routes.length
  let obstacle: Obstacle | undefined
  let asking: Asked
  const search = {
    best: none,
    offer(numbers: readonly number[]): void {
      for (const index of numbers) {
        if (index >= search.best) return
        const met = meets(routes[index] as Route, asking)
        if (met === false) continue
        search.best = index
        obstacle = met === true ? undefined : met
        return
      }
    },
  }

  return {
    first(path, asked) {
      asking = asked
      search.best = none
      obstacle = undefined
      const host = asked.host === 'unreadable' ? undefined : asked.host?.name
      const own = host === undefined ? all : byHost.get(host)
      if (own !== undefined) walkTrie(own, path, search)
      if (own !== all) walkTrie(shared, path, search)
      return search.best === none ? undefined : { index: search.best, obstacle }
    },
  }
}
