import type { Decision } from '../access/access.ts'
import { createAccess } from '../access/access.ts'
import { bodyHashMatches } from '../dpop/body-hash.ts'
import { refuseProof } from '../dpop/refusal.ts'
import type { UpgradeCheck, UpgradeRequest } from '../gate/upgrade.ts'
import type { Gate } from '../gate.ts'
import type { Answer } from '../http/answer.ts'
import { createAnswers } from '../http/answer.ts'
import { defaultResourceMetadata } from '../http/challenge.ts'
import type { AgentIdentity } from '../identity/agent.ts'
import { createAgent } from '../identity/agent.ts'
import { describeDirect } from '../request/direct.ts'
import type { Allow, Deny } from '../verdict.ts'
import { deny } from '../verdict.ts'
import { peekBody } from './body.ts'
import type { ZeroidOptions } from './options.ts'
import { chooseGate } from './options.ts'
import type { IncomingRequest } from './reserved.ts'
import { stripReserved } from './reserved.ts'
import { rulesOf } from './rules.ts'

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
   * @returns a promise only where something must be asked
   */
  receive(request: IncomingRequest, response: OutgoingAnswer): Entry | Promise<Entry>
  /**
   * The first half of `receive`, where a framework keeps headers elsewhere too.
   *
   * @param request changed in place
   * @returns the names removed, as they were sent
   */
  strip(request: IncomingRequest): readonly string[]
  /**
   * The other half, for a request that was stripped.
   *
   * @param keep given the body where it had to be read, for a framework that reads no stream twice
   */
  judge(
    request: IncomingRequest,
    response: OutgoingAnswer,
    keep?: (body: Uint8Array) => void,
  ): Entry | Promise<Entry>
  /** Judges a WebSocket handshake that was stripped. */
  judgeUpgrade(request: IncomingRequest & UpgradeRequest): Promise<UpgradeCheck>
  /** What a decision comes to, for a request that was stripped. */
  enter(decision: Decision, request: IncomingRequest, response: OutgoingAnswer): Entry
  /** 401 for a request without a token, where one is needed after all. */
  anonymous(): Answer
  /** The answer of a refusal. */
  refuse(refusal: Deny): Answer
}

type Keep = ((body: Uint8Array) => void) | undefined

const defaultBodyLimit = 1_048_576
/** RFC 9110 §15.5.14. What is left of the body would be taken for the next request. */
const tooLarge: Answer = {
  status: 413,
  headers: ['Cache-Control', 'no-store', 'Content-Length', '0', 'Connection', 'close'],
  body: '',
}

/**
 * @param options of the middleware
 * @throws TypeError that names the option that cannot be used
 */
export function createReception(options: ZeroidOptions): Reception {
  const { gate, own } = chooseGate(options)
  const { optional = false, resourceMetadata, policy, bodyLimit = defaultBodyLimit } = options
  const access = createAccess<IncomingRequest>({
    gate,
    policy: policy === undefined ? undefined : rulesOf(policy, gate),
    describe: describeDirect,
  })
  const answers = createAnswers({
    resourceMetadata: () => resourceMetadata ?? defaultResourceMetadata(gate.issuer() ?? gate.url),
    emptyHeaders: false,
  })
  const count = (removed: number): void => gate.observer.reservedHeader?.(removed)
  const strip = (request: IncomingRequest): readonly string[] => stripReserved(request, count)

  function enter(decision: Decision, request: IncomingRequest, response: OutgoingAnswer): Entry {
    if (decision.outcome === 'allow') {
      const stay: Stay = { gate, allow: decision, request, response, signal: undefined }
      return { answer: undefined, agent: createAgent(decision.identity, stay, signalOf), reception }
    }
    const anonymous = decision.outcome === 'deny' && decision.reason === 'missing_token'
    const passes = decision.outcome === 'passed' || (optional && anonymous)
    return refused(passes ? undefined : answers.of(decision, 'direct'))
  }

  function refused(answer: Answer | undefined): Entry {
    return { answer, agent: undefined, reception }
  }

  function settle(
    decision: Decision,
    request: IncomingRequest,
    response: OutgoingAnswer,
    keep: Keep,
  ): Entry | Promise<Entry> {
    const hash = decision.outcome === 'allow' ? decision.proof?.bodyHash : undefined
    if (hash === undefined) return enter(decision, request, response)
    return compareBody(request, hash, keep).then((answer) =>
      answer === undefined ? enter(decision, request, response) : refused(answer),
    )
  }

  /** A proof that names a body is good for that body alone (`bh`, ZeroID's extension). */
  async function compareBody(
    request: IncomingRequest,
    hash: string,
    keep: Keep,
  ): Promise<Answer | undefined> {
    const body = await peekBody(request, bodyLimit)
    if (body === 'too_large') return tooLarge
    if (body !== 'gone' && bodyHashMatches(hash, body)) {
      keep?.(body)
      return undefined
    }
    const refusal = refuseProof('body_hash_mismatch', 'bh')
    gate.observer.verdict?.(refusal, 0)
    return answers.of(refusal, 'direct')
  }

  function judge(
    request: IncomingRequest,
    response: OutgoingAnswer,
    keep?: Keep,
  ): Entry | Promise<Entry> {
    const decision = access.check(request)
    if (!(decision instanceof Promise)) return settle(decision, request, response, keep)
    return decision.then((settled) => settle(settled, request, response, keep))
  }

  const reception: Reception = {
    gate,
    own,
    receive(request, response) {
      strip(request)
      return judge(request, response)
    },
    strip,
    judge,
    judgeUpgrade: access.checkUpgrade,
    enter,
    anonymous: () => answers.of(deny('missing_token'), 'direct'),
    refuse: (refusal) => answers.of(refusal, 'direct'),
  }
  return reception
}

/** What it takes to watch over one answer. Few do: a request pays for this object alone. */
interface Stay {
  readonly gate: Gate
  readonly allow: Allow
  readonly request: IncomingRequest
  readonly response: OutgoingAnswer
  signal: AbortSignal | undefined
}

/** The signal of one answer: made when it is asked for, and let go of with the answer. */
function signalOf(stay: Stay): AbortSignal {
  if (stay.signal !== undefined) return stay.signal
  const { gate, allow, request, response } = stay
  const { signal, release } = gate.watch(allow, request)
  stay.signal = signal
  if (response.closed === true || response.destroyed === true) release()
  else response.once('close', release)
  return signal
}
