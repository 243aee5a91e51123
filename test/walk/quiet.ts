import { subscribe } from 'node:diagnostics_channel'
import { setImmediate as turn } from 'node:timers/promises'

/** Requests of the gate that have no complete answer yet; a stream counts until it has begun. */
const underWay = new Set<object>()

interface Exchange {
  readonly request: { readonly path: string }
}

subscribe('undici:request:create', (message) => {
  underWay.add((message as Exchange).request)
})
let answers = 0
subscribe('undici:request:headers', (message) => {
  answers++
  const { request } = message as Exchange
  if (request.path.endsWith('/stream')) underWay.delete(request)
})
for (const end of ['undici:request:trailers', 'undici:request:error']) {
  subscribe(end, (message) => {
    underWay.delete((message as Exchange).request)
  })
}

/** How many answers have begun so far. */
export const answersSeen = (): number => answers

/** Turns of the event loop without a request before the sockets count as drained. */
const calmTurns = 4
/** Real milliseconds after which a request is not waited for any longer. */
const patience = 3_000

/** Waits until the gate asks nothing and what was sent has been read. */
export async function quiet(): Promise<void> {
  const deadline = performance.now() + patience
  let calm = 0
  while (calm < calmTurns && performance.now() < deadline) {
    await turn()
    calm = underWay.size === 0 ? calm + 1 : 0
  }
}
