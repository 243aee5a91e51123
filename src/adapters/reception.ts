import type { Gate } from '../gate.ts'
import type { Answer } from '../http/answer.ts'
import { createAnswers } from '../http/answer.ts'
import { defaultResourceMetadata } from '../http/challenge.ts'
import type { AgentIdentity } from '../identity/agent.ts'
import { createAgent } from '../identity/agent.ts'
import type { Allow, Verdict } from '../verdict.ts'
import { deny } from '../verdict.ts'
import type { ZeroidOptions } from './options.ts'
import { chooseGate } from './options.ts'
import type { IncomingRequest } from './reserved.ts'
import { stripReserved } from './reserved.ts'

/** Where the answer goes; Node's `ServerResponse` and sockets are such. */
export interface OutgoingAnswer {
  readonly closed?: boolean
  readonly destroyed?: boolean
  once(event: 'close', listener: () => void): unknown
}

/** How a request was received. */
export interface Entry {
  /** Set: the request is refused with it, and nothing else may run. */
  readonly answer: Answer | undefined
  /** Undefined on a refusal, and where `optional` let an anonymous request pass. */
  readonly agent: AgentIdentity | undefined
  readonly reception: Reception
}

/** What all adapters share: they differ only in how a request and an answer look. */
export interface Reception {
  readonly gate: Gate
  /** Whether the gate was made for this middleware alone. */
  readonly own: boolean
  /**
   * Strips a request of every reserved header, then judges it.
   *
   * @param request changed in place
   * @param response its end is the end of what rests on the verdict
   * @param forget told each header name that was removed
   */
  receive(
    request: IncomingRequest,
    response: OutgoingAnswer,
    forget?: (name: string) => void,
  ): Entry | Promise<Entry>
  /** What a verdict comes to, for a request that was stripped. */
  enter(verdict: Verdict, request: IncomingRequest, response: OutgoingAnswer): Entry
  /** 401 for a request without a token, where one is needed after all. */
  anonymous(): Answer
  /** 403 for an agent that may not do this. */
  insufficient(scopes: readonly string[]): Answer
}

/**
 * @param options of the middleware
 * @throws TypeError that names the option that cannot be used
 */
export function createReception(options: ZeroidOptions): Reception {
  const { gate, own } = chooseGate(options)
  const { optional = false, resourceMetadata } = options
  const answers = createAnswers({
    resourceMetadata: () => resourceMetadata ?? defaultResourceMetadata(gate.issuer() ?? gate.url),
    emptyHeaders: false,
  })
  const count = (removed: number): void => gate.observer.reservedHeader?.(removed)

  function enter(verdict: Verdict, request: IncomingRequest, response: OutgoingAnswer): Entry {
    if (verdict.outcome === 'allow') {
      const agent = createAgent(verdict.identity, watchOnce(gate, verdict, request, response))
      return { answer: undefined, agent, reception }
    }
    const anonymous = verdict.outcome === 'deny' && verdict.reason === 'missing_token'
    const answer = optional && anonymous ? undefined : answers.of(verdict, 'direct')
    return { answer, agent: undefined, reception }
  }

  const reception: Reception = {
    gate,
    own,
    receive(request, response, forget) {
      const removed = stripReserved(request, count)
      if (forget !== undefined) for (const name of removed) forget(name)
      const verdict = gate.check(request)
      if (!(verdict instanceof Promise)) return enter(verdict, request, response)
      return verdict.then((settled) => enter(settled, request, response))
    },
    enter,
    anonymous: () => answers.of(deny('missing_token'), 'direct'),
    insufficient: answers.insufficient,
  }
  return reception
}

/** The signal of one answer: made when it is asked for, and let go of with the answer. */
function watchOnce(
  gate: Gate,
  allow: Allow,
  request: IncomingRequest,
  response: OutgoingAnswer,
): () => AbortSignal {
  let signal: AbortSignal | undefined
  return () => {
    if (signal !== undefined) return signal
    const watch = gate.watch(allow, request)
    signal = watch.signal
    if (response.closed === true || response.destroyed === true) watch.release()
    else response.once('close', watch.release)
    return signal
  }
}
