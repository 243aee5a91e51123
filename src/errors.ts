/** What went wrong between the gate and ZeroID. A closed list: it labels metrics and log lines. */
export type UpstreamErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'too_large'
  | 'redirected'
  | 'encoded'
  | 'not_json'
  | 'unexpected_status'
  | 'unexpected_body'

/** A request to ZeroID gave no usable answer. Messages carry no token, secret or body. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly code: UpstreamErrorCode
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined

  constructor(
    code: UpstreamErrorCode,
    message: string,
    options: { cause?: unknown; status?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status
  }
}

/** One problem with one setting: its name, what was given, what is accepted. */
export interface SettingProblem {
  readonly setting: string
  readonly message: string
}

/** The settings cannot be used. Lists every problem at once; no secret appears in it. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: readonly SettingProblem[]

  constructor(problems: readonly SettingProblem[]) {
    super(problems.map(({ setting, message }) => `${setting}: ${message}`).join('\n'))
    this.problems = problems
  }
}

/**
 * Why a caller may not do something, in the codes of ZeroID's SDK. A refusal of the gate itself is
 * never thrown: this is the reason of an aborted `signal`, and what the `require…` methods throw.
 */
export type AccessErrorCode =
  | 'missing_token'
  | 'invalid_request'
  | 'invalid_token'
  | 'invalid_signature'
  | 'token_expired'
  | 'token_inactive'
  | 'insufficient_scope'
  | 'insufficient_trust'
  | 'temporarily_unavailable'

/** A caller may not, or may no longer, do something. Messages carry no token. */
export class AccessError extends Error {
  override readonly name = 'AccessError'
  readonly code: AccessErrorCode
  /** The HTTP status that it amounts to; Express answers it where nobody else does. */
  readonly status: 401 | 403 | 503
  /** The same, as Fastify reads it. */
  readonly statusCode: 401 | 403 | 503
  /** The verdict's reason, from its closed list; undefined where there was no verdict. */
  readonly reason: string | undefined

  constructor(code: AccessErrorCode, message: string, reason?: string) {
    super(message)
    this.code = code
    this.status = statusOf(code)
    this.statusCode = this.status
    this.reason = reason
  }

  /** The same, as Hono reads it: without it an uncaught refusal would be 500 there. */
  getResponse(): Response {
    return new Response(this.message, {
      status: this.status,
      headers: { 'Cache-Control': 'no-store' },
    })
  }
}

function statusOf(code: AccessErrorCode): 401 | 403 | 503 {
  if (code === 'temporarily_unavailable') return 503
  return code === 'insufficient_scope' || code === 'insufficient_trust' ? 403 : 401
}
