/** A refusal of the token or introspection endpoint (RFC 6749 §5.2). */
export class OAuthError extends Error {
  /** HTTP status. */
  readonly status: 400 | 401
  /** The `error` member of the answer. */
  readonly code: string

  constructor(status: 400 | 401, code: string, description: string) {
    super(description)
    this.name = 'OAuthError'
    this.status = status
    this.code = code
  }
}
