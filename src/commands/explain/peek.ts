import type { Claims } from '../../token/claims.ts'
import { parseClaims } from '../../token/claims.ts'
import type { JsonObject } from '../../token/json.ts'
import { member, parseJsonObject } from '../../token/json.ts'

/** What a token says of itself. It is shown, and nothing is decided by it. */
export interface Peek {
  readonly alg: unknown
  readonly kid: unknown
  readonly audience: unknown
  readonly issuer: unknown
  /** Where they can be read with the issuer's rules. */
  readonly claims: Claims | undefined
}

/**
 * @param token as it was given
 * @param issuer the expected one
 */
export function peek(token: string, issuer: string): Peek {
  const [head = '', body = ''] = token.split('.')
  const header = decode(head)
  const payload = decode(body)
  const claims = parseClaims(payload, { issuer, audiences: [] })
  return {
    alg: member(header, 'alg'),
    kid: member(header, 'kid'),
    audience: member(payload, 'aud'),
    issuer: member(payload, 'iss'),
    claims: 'outcome' in claims ? undefined : claims,
  }
}

function decode(part: string): JsonObject {
  return parseJsonObject(Buffer.from(part, 'base64url')) ?? {}
}

/** Text of a token, fit for a terminal: quoted, on one line, of bounded length. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  const safe = text.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return safe.length > 200 ? `${safe.slice(0, 200)}…` : safe
}
