import type { ServerResponse } from 'node:http'
import { vi } from 'vitest'
import type { SeenRequest } from './server.ts'
import { sendJson } from './server.ts'

/** A route that keeps its requests until the test lets go of them. */
export interface Hold {
  readonly route: (request: SeenRequest, response: ServerResponse) => void
  /** How many are waiting. */
  readonly waiting: () => number
  /** The most that ever waited at once. */
  readonly peak: () => number
  /** Resolves when this many are waiting. */
  readonly reached: (count: number) => Promise<void>
  /** Answers all that wait. */
  readonly release: (body?: object, status?: number) => void
}

export function createHold(): Hold {
  const held = new Set<ServerResponse>()
  let peak = 0
  return {
    route(_request, response) {
      held.add(response)
      peak = Math.max(peak, held.size)
      response.on('close', () => held.delete(response))
    },
    waiting: () => held.size,
    peak: () => peak,
    reached: (count) =>
      vi.waitFor(
        () => {
          if (held.size < count) throw new Error(`${held.size} of ${count} are waiting`)
        },
        { interval: 2, timeout: 5_000 },
      ),
    release(body = { active: true }, status = 200) {
      for (const response of held) {
        if (status !== 200) response.statusCode = status
        if (status === 200) sendJson(response, body)
        else response.end()
      }
      held.clear()
    },
  }
}
