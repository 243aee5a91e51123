import type { Allow, Deny, DenyCode, Identity, Unknown, Verdict } from '../verdict.ts'
import { challenge } from './challenge.ts'
import { identityHeaders } from './identity-headers.ts'

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

/** Turns verdicts into answers. */
export interface Answers {
  of(verdict: Verdict, form: Form): Answer
  /** 403 for a caller that may pass, but not here. `scopes`: what this place asks for. */
  insufficient(scopes: readonly string[]): Answer
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
const bodies: Record<DenyCode, string> = {
  missing_token: '{"error":"missing_token"}\n',
  invalid_request: '{"error":"invalid_authorization_header"}\n',
  invalid_token: '{"error":"invalid_token"}\n',
  insufficient_scope: '{"error":"insufficient_scope"}\n',
}
const unavailable = '{"error":"temporarily_unavailable"}\n'

/**
 * The one author of verify answers: the same status, headers and bytes as the server's endpoint.
 *
 * @param options URL for the challenge, empty headers
 */
export function createAnswers(options: AnswersOptions): Answers {
  const allows: Record<Form, WeakMap<Identity, Answer>> = {
    direct: new WeakMap(),
    proxied: new WeakMap(),
    relayed: new WeakMap(),
  }

  function allowed({ identity }: Allow, form: Form): Answer {
    const made = allows[form].get(identity)
    if (made !== undefined) return made
    const headers = [...identityHeaders(identity, options.emptyHeaders), ...noStore]
    const answer =
      form === 'direct'
        ? withBody(200, headers, 'application/json', active)
        : withoutBody(200, headers)
    allows[form].set(identity, answer)
    return answer
  }

  function denied(
    { status, code }: Pick<Deny, 'status' | 'code'>,
    form: Form,
    scopes: readonly string[] = [],
  ): Answer {
    const headers = [
      'WWW-Authenticate',
      challenge(code, options.resourceMetadata(), scopes),
      'X-Content-Type-Options',
      'nosniff',
      ...noStore,
    ]
    return refusal(status, headers, 'text/plain; charset=utf-8', bodies[code], form)
  }

  function undecided(verdict: Unknown, form: Form): Answer {
    const headers = ['Retry-After', String(verdict.retryAfter), ...noStore]
    return refusal(503, headers, 'application/json', unavailable, form)
  }

  return {
    of(verdict, form) {
      if (verdict.outcome === 'allow') return allowed(verdict, form)
      return verdict.outcome === 'deny' ? denied(verdict, form) : undecided(verdict, form)
    },
    insufficient: (scopes) => denied({ status: 403, code: 'insufficient_scope' }, 'direct', scopes),
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
