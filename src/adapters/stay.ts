import type { Terms } from '../gate/terms.ts'
import type { Gate } from '../gate.ts'
import type { Allow } from '../verdict.ts'
import { onceEnded } from './connection-end.ts'
import type { IncomingRequest } from './reserved.ts'

/** Where the answer goes; Node's `ServerResponse` and sockets are such. */
export interface OutgoingAnswer {
  readonly closed?: boolean
  readonly destroyed?: boolean
  once(event: 'close', listener: () => void): unknown
}

/** What it takes to watch over one answer. Few do: a request pays for this object alone. */
export interface Stay {
  readonly gate: Gate
  readonly allow: Allow
  /** That it was allowed on; undefined: the gate's own. */
  readonly terms: Terms | undefined
  readonly request: IncomingRequest
  readonly response: OutgoingAnswer
  signal: AbortSignal | undefined
}

/**
 * The signal of one answer: made when it is asked for, and let go of with the answer.
 *
 * @param stay of the one who was let in
 */
export function signalOf(stay: Stay): AbortSignal {
  if (stay.signal !== undefined) return stay.signal
  const { gate, allow, terms, request, response } = stay
  const { signal, release } = gate.watch(allow, request, terms)
  stay.signal = signal
  const { socket } = request
  if (response.closed || response.destroyed || socket?.destroyed) release()
  else {
    // Node tells an answer that waits behind another one nothing of the end of their connection.
    const forget = socket ? onceEnded(socket, release) : release
    response.once('close', () => {
      forget()
      release()
    })
  }
  return signal
}
