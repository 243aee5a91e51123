import type { Server } from 'node:http'
import type { ListenAddress } from '../http/listen.ts'
import { listen } from '../http/listen.ts'
import type { GateSide, SeenRequest } from './probe.ts'

/** What makes a server's owner its gate side. */
export interface GateSideParts {
  /** A gate's door, or what stands in its place; listening. */
  readonly door: Server
  /** Where it listens, with the port that it got. */
  readonly address: ListenAddress
  readonly verdict: GateSide['verdict']
  /** Answer 503 with this `Retry-After`; undefined: as it was at first. */
  readonly pretend: (retryAfter: number | undefined) => void
}

/**
 * Watches a door and closes and opens it.
 *
 * @param parts the door and how to steer it
 */
export function createGateSide({ door, address, verdict, pretend }: GateSideParts): GateSide {
  const requests: SeenRequest[] = []
  let connections = 0
  door.on('connection', () => {
    connections++
  })
  door.prependListener('request', ({ method = '', url: target = '', rawHeaders }) => {
    requests.push({ method, target, headers: rawHeaders })
  })
  return {
    verdict,
    clear() {
      requests.length = 0
      connections = 0
    },
    seen: () => requests,
    connections: () => connections,
    unknown: pretend,
    down: () => closeNow(door),
    async back() {
      pretend(undefined)
      if (!door.listening) await listen(door, address)
    },
  }
}

/** Stops listening and ends all connections. */
export async function closeNow(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
