import type { Decision } from '../access/access.ts'
import type { Allow, Deny, DenyCode, Identity, Unknown } from '../verdict.ts'
import { challenge } from './challenge.ts'
import type { Possession } from './identity-headers.ts'
import { identityHeaders, noIdentityHeaders, possessionOf } from './identity-headers.ts'

/** An HTTP answer, ready to be written. */
export interface Answer {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: string
}

/**
 * To whom the answer goes.
 *
 * - `direct`: to a caller that reads the body, as the server itself answers;
 * - `proxied`: to a proxy that never reads a body and could not reuse its connection with one: what
 *   a refusal says stands in `X-Zeroid-Problem` as well;
 * - `relayed`: to a proxy that hands a refusal to the client as it is, and drops an allow's body.
 */
export type Form = 'direct' | 'proxied' | 'relayed'

/** Turns decisions into answers. */
export interface Answers {
  of(decision: Decision, form: Form): Answer
}

export interface AnswersOptions {
  /** URL for the challenge; asked at each refusal, since the issuer may be discovered later. */
  readonly resourceMetadata: () => string
  /** `GATE_EMPTY_HEADERS`. */
  readonly emptyHeaders: boolean
}

const noStore = ['Cache-Control', 'no-store'] as const
const active = '{"active":true}'

/** The server's own bodies, with the line feed that it ends them with. */
function bodyOf({ code, reason }: Deny): string {
  return `{"error":"${reason === 'request_ambiguous' ? code : (serverWords[code] ?? code)}"}\n`
}
const serverWords: Partial<Record<DenyCode, string>> = {
  invalid_request: 'invalid_authorization_header',
}
const unavailable = '{"error":"temporarily_unavailable"}\n'

/**
 * The one author of verify answers: the same status, headers and bytes as the server's endpoint.
 *
 * @param options URL for the challenge, empty headers
 */
export function createAnswers(options: AnswersOptions): Answers {
  const allows: Record<Form, Record<Possession, WeakMap<Identity, Answer>>> = {
    direct: caches(),
    proxied: caches(),
    relayed: caches(),
  }
  const nobody = withoutBody(200, [...noIdentityHeaders(options.emptyHeaders), ...noStore])

  function allowed(allow: Allow, form: Form): Answer {
    const { identity } = allow
    const possession = possessionOf(allow)
    const cache = allows[form][possession]
    const made = cache.get(identity)
    if (made !== undefined) return made
    const headers = [...identityHeaders(identity, options.emptyHeaders, possession), ...noStore]
    const answer =
      form === 'direct'
        ? withBody(200, headers, 'application/json', active)
        : withoutBody(200, headers)
    cache.set(identity, answer)
    return answer
  }

  function denied(refused: Deny, form: Form): Answer {
    const headers = [
      'WWW-Authenticate',
      challenge(refused, options.resourceMetadata()),
      // RFC 9449 §8.2: the next proof is to carry it.
      ...(refused.nonce === undefined ? [] : ['DPoP-Nonce', refused.nonce]),
      'X-Content-Type-Options',
      'nosniff',
      ...noStore,
    ]
    return refusal(refused.status, headers, 'text/plain; charset=utf-8', bodyOf(refused), form)
  }

  function undecided(verdict: Unknown, form: Form): Answer {
    const headers = ['Retry-After', String(verdict.retryAfter), ...noStore]
    return refusal(503, headers, 'application/json', unavailable, form)
  }

  return {
    of(decision, form) {
      switch (decision.outcome) {
        case 'allow':
          return allowed(decision, form)
        case 'deny':
          return denied(decision, form)
        case 'unknown':
          return undecided(decision, form)
        case 'passed':
          return nobody
      }
    },
  }
}

function caches(): Record<Possession, WeakMap<Identity, Answer>> {
  return {
    none: new WeakMap(),
    verified: new WeakMap(),
    'verified; body=unchecked': new WeakMap(),
  }
}

function refusal(
  status: number,
  headers: readonly string[],
  type: string,
  body: string,
  form: Form,
): Answer {
  if (form !== 'proxied') return withBody(status, headers, type, body)
  return withoutBody(status, [...headers, 'X-Zeroid-Problem', body.trimEnd()])
}

function withBody(status: number, headers: readonly string[], type: string, body: string): Answer {
  const length = String(Buffer.byteLength(body))
  return { status, headers: [...headers, 'Content-Type', type, 'Content-Length', length], body }
}

function withoutBody(status: number, headers: readonly string[]): Answer {
  return { status, headers: [...headers, 'Content-Length', '0'], body: '' }
}
