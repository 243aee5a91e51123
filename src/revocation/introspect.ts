import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { UpstreamError } from '../errors.ts'
import type { IntrospectionResult, Observer } from '../observe/observer.ts'
import type { Upstream } from '../upstream.ts'
import type { Unknown } from '../verdict.ts'
import { unknown } from '../verdict.ts'
import { createTurnstile } from './turnstile.ts'

/** What the server said; `at` is when it was asked (monotonic). */
export type Introspection =
  | { readonly outcome: 'active'; readonly at: number }
  | { readonly outcome: 'inactive'; readonly at: number }
  | Unknown

/** Asks ZeroID whether tokens are active (RFC 7662). */
export interface Introspector {
  /**
   * @param token its signature verified; concurrent questions about one token share one request
   * @param tokenId its `jti`, which the answer must name where it names one
   * @returns the server's word, or `unknown`; never throws
   */
  ask(token: string, tokenId: string): Promise<Introspection>
  /** The fault that an operator must mend; undefined where there is none. */
  problem(): string | undefined
}

export interface IntrospectorOptions {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly observer: Observer
  /** `ZEROID_CLIENT_ID` and `ZEROID_CLIENT_SECRET`; undefined: ask anonymously. */
  readonly client: { readonly id: string; readonly secret: string } | undefined
  /** Requests in flight at most, `GATE_INTROSPECT_CONCURRENCY`. */
  readonly concurrency: number
  /** Milliseconds for one request, and for waiting for its turn; default 2000. */
  readonly timeout?: number
}

const path = '/oauth2/token/introspect'
const limit = 262_144
/** Consecutive failures after which one probe at a time asks whether the server is back. */
const failuresUntilProbing = 5

/** RFC 7662 §2.2; `active` must be a boolean, not something that looks like one. */
const answerShape = z.object({ active: z.boolean(), jti: z.string().optional() })

/**
 * @param options the way to the server, credentials, bounds
 */
export function createIntrospector(options: IntrospectorOptions): Introspector {
  const { upstream, clock, observer } = options
  const timeout = options.timeout ?? 2_000
  const turnstile = createTurnstile({ width: options.concurrency, patience: timeout, clock })
  const headers = requestHeaders(options.client)
  const flights = new Map<string, Promise<Introspection>>()
  let failures = 0
  let probing = false
  let problem: string | undefined
  /** What the last request ended in; told to those who come while one probe is under way. */
  let fault: Unknown = unknown('server_unreachable', 2)

  async function askOnce(token: string, tokenId: string): Promise<Introspection> {
    const probe = failures >= failuresUntilProbing
    if (probe && probing) return fault
    if (probe) probing = true
    try {
      const turn = await turnstile.enter()
      if (turn === undefined) return unknown('server_overloaded', 1)
      try {
        // Others failed while it waited for its turn.
        if (!probe && failures >= failuresUntilProbing) return fault
        return await send(token, tokenId)
      } finally {
        turn.leave()
      }
    } finally {
      if (probe) probing = false
    }
  }

  async function send(token: string, tokenId: string): Promise<Introspection> {
    const at = clock.monotonic()
    const ended = (result: IntrospectionResult): void =>
      observer.introspection?.(result, (clock.monotonic() - at) / 1000)
    try {
      // A verified token is base64url and dots, which need no form encoding.
      const body = `token=${token}`
      const { status, json } = await upstream.send({
        method: 'POST',
        path,
        headers,
        body,
        timeout,
        limit,
      })
      if (status === 401 || status === 403) return refused(status, ended)
      if (status !== 200) throw new UpstreamError('unexpected_status', `HTTP ${status}`, { status })
      const active = readAnswer(json, tokenId)
      succeeded()
      ended(active ? 'active' : 'inactive')
      return { outcome: active ? 'active' : 'inactive', at }
    } catch (error) {
      const code = error instanceof UpstreamError ? error.code : 'unexpected_body'
      ended(code)
      return failed(code, error instanceof Error ? error.message : code)
    }
  }

  function succeeded(): void {
    if (failures >= failuresUntilProbing) observer.note?.('info', 'introspection works again')
    failures = 0
    problem = undefined
  }

  function failed(code: string, message: string): Unknown {
    failures++
    problem = `introspection fails: ${message}`
    if (failures === 1 || failures === failuresUntilProbing) {
      observer.note?.('warn', 'introspection failed', { code, message, failures })
    }
    const silent = code === 'timeout' || code === 'unreachable'
    fault = unknown(silent ? 'server_unreachable' : 'server_answer_unusable', 2)
    return fault
  }

  /** Our credentials are wrong. It says nothing about the token, and it will not mend itself. */
  function refused(status: number, ended: (result: IntrospectionResult) => void): Unknown {
    ended('client_refused')
    const fix =
      options.client === undefined
        ? 'set ZEROID_CLIENT_ID and ZEROID_CLIENT_SECRET'
        : 'check ZEROID_CLIENT_ID and ZEROID_CLIENT_SECRET'
    const news = `introspection answered ${status}: ${fix}`
    if (problem !== news || failures % 100 === 0) {
      observer.note?.('error', `ZeroID refused the introspection client; ${fix}`, { status })
    }
    failures++
    problem = news
    fault = unknown('client_refused', 5)
    return fault
  }

  return {
    ask(token, tokenId) {
      const flight = flights.get(token)
      if (flight !== undefined) return flight
      const started = askOnce(token, tokenId).finally(() => flights.delete(token))
      flights.set(token, started)
      return started
    },
    problem: () => problem,
  }
}

function readAnswer(json: unknown, tokenId: string): boolean {
  const answer = answerShape.safeParse(json)
  if (!answer.success) throw new UpstreamError('unexpected_body', 'no introspection answer')
  if (answer.data.jti !== undefined && answer.data.jti !== tokenId) {
    throw new UpstreamError('unexpected_body', 'the answer is about another token')
  }
  return answer.data.active
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
function requestHeaders(client: IntrospectorOptions['client']): Readonly<Record<string, string>> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  if (client === undefined) return type
  const pair = [client.id, client.secret].map((part) => formEncode(part)).join(':')
  return { ...type, authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}
