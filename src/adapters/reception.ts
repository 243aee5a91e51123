import type { Decision, Ruling } from '../access/access.ts'
import { createAccess } from '../access/access.ts'
import { bodyHashMatches } from '../dpop/body-hash.ts'
import { refuseProof } from '../dpop/refusal.ts'
import { isAnonymous } from '../gate/anonymous.ts'
import type { Terms } from '../gate/terms.ts'
import type { UpgradeRequest } from '../gate/upgrade.ts'
import type { Gate } from '../gate.ts'
import type { Answer } from '../http/answer.ts'
import { createAnswers } from '../http/answer.ts'
import { defaultResourceMetadata } from '../http/challenge.ts'
import type { AgentIdentity } from '../identity/agent.ts'
import { createAgent } from '../identity/agent.ts'
import { describeDirect } from '../request/direct.ts'
import type { Deny } from '../verdict.ts'
import { deny } from '../verdict.ts'
import { peekBody } from './body.ts'
import type { ZeroidOptions } from './options.ts'
import { chooseGate } from './options.ts'
import type { IncomingRequest } from './reserved.ts'
import { stripReserved, stripTrailers } from './reserved.ts'
import { readRules } from './rules.ts'
import type { OutgoingAnswer, Stay } from './stay.ts'
import { signalOf } from './stay.ts'

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
  /**
   * Strips a WebSocket handshake, then judges it.
   *
   * @param socket its end is the end of what rests on the verdict
   * @returns also the subprotocol to select
   */
  receiveUpgrade(
    request: IncomingRequest & UpgradeRequest,
    socket: OutgoingAnswer,
  ): Promise<Entry & { readonly protocol: string | undefined }>
  /** 401 for a request without a token, where one is needed after all. */
  anonymous(): Answer
  /** The answer of a refusal. */
  refuse(refusal: Deny): Answer
}

type Keep = ((body: Uint8Array) => void) | undefined

const defaultBodyLimit = 1_048_576
const noBody = new Uint8Array(0)
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
  // Before there is a gate: one that nobody will ever hold could not be closed.
  const follow = options?.policy === undefined ? undefined : readRules(options.policy)
  const { gate, own } = chooseGate(options)
  const { optional = false, resourceMetadata, bodyLimit = defaultBodyLimit } = options
  const access = createAccess<IncomingRequest>({
    gate,
    policy: follow?.(gate),
    describe: describeDirect,
  })
  const answers = createAnswers({
    resourceMetadata: () => resourceMetadata ?? defaultResourceMetadata(gate.issuer() ?? gate.url),
    emptyHeaders: false,
  })
  const count = (removed: number): void => gate.observer.reservedHeader?.(removed)
  const strip = (request: IncomingRequest): readonly string[] => stripReserved(request, count)
  /** Its body may have come to its end while something was waited for. */
  const stripLate = (request: IncomingRequest): void => stripTrailers(request, count)

  function enter(decision: Decision, { request, response, terms }: Arrival): Entry {
    if (decision.outcome === 'allow') {
      const stay: Stay = { gate, allow: decision, terms, request, response, signal: undefined }
      return { answer: undefined, agent: createAgent(decision.identity, stay, signalOf), reception }
    }
    if (decision.outcome === 'passed') return nobody
    return refused(answers.of(decision, 'direct'))
  }

  function refused(answer: Answer): Entry {
    return { answer, agent: undefined, reception }
  }

  function settle(decision: Decision, arrival: Arrival, keep: Keep): Entry | Promise<Entry> {
    const hash = decision.outcome === 'allow' ? decision.proof?.bodyHash : undefined
    if (hash === undefined) return enter(decision, arrival)
    return compareBody(arrival.request, hash, keep).then((answer) => {
      stripLate(arrival.request)
      return answer === undefined ? enter(decision, arrival) : refused(answer)
    })
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
    return answers.of(otherBody(), 'direct')
  }

  function otherBody(): Deny {
    const refusal = refuseProof('body_hash_mismatch', 'bh')
    gate.observer.verdict?.(refusal, 0)
    return refusal
  }

  function judge(
    request: IncomingRequest,
    response: OutgoingAnswer,
    keep?: Keep,
  ): Entry | Promise<Entry> {
    if (optional && isAnonymous(request)) {
      gate.observer.passed?.(undefined, 'anonymous')
      return nobody
    }
    const ruling = access.rule(request)
    const arrival = { request, response, terms: termsOf(ruling) }
    const decision = access.check(request, ruling)
    if (!(decision instanceof Promise)) return settle(decision, arrival, keep)
    return decision.then((settled) => {
      stripLate(request)
      return settle(settled, arrival, keep)
    })
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
    async receiveUpgrade(request, socket) {
      strip(request)
      const ruling = access.rule(request)
      const arrival = { request, response: socket, terms: termsOf(ruling) }
      const { verdict, protocol } = await access.checkUpgrade(request, ruling)
      const hash = verdict.outcome === 'allow' ? verdict.proof?.bodyHash : undefined
      // A handshake has no body: a proof that names one is good for another request.
      const other = hash !== undefined && !bodyHashMatches(hash, noBody)
      return { ...enter(other ? otherBody() : verdict, arrival), protocol }
    },
    anonymous: () => answers.of(deny('missing_token'), 'direct'),
    refuse: (refusal) => answers.of(refusal, 'direct'),
  }
  const nobody: Entry = { answer: undefined, agent: undefined, reception }
  return reception
}

/** A request that was stripped, its answer, and what was asked of it. */
interface Arrival {
  readonly request: IncomingRequest
  readonly response: OutgoingAnswer
  readonly terms: Terms | undefined
}

function termsOf(ruling: Ruling): Terms | undefined {
  return 'outcome' in ruling ? undefined : ruling.terms
}
