import type { Deny } from '../verdict.ts'
import { deny } from '../verdict.ts'

/** Longest token that is read, in bytes. Longer ones are refused unread. */
export const maxTokenLength = 16_384

/** Most headers of a request. Node drops those past 2000: another `Authorization` may be there. */
const maxHeaders = 1_000

/** RFC 6750 §2.1 `b64token`, after a scheme that RFC 9110 §11.1 compares without case. */
const bearer = /^bearer +([A-Za-z0-9\-._~+/]+=*)[ \t]*$/i
/** RFC 9449 §7.1: the same behind another scheme. */
const dpop = /^dpop +([A-Za-z0-9\-._~+/]+=*)[ \t]*$/i

const missing = deny('missing_token')
const several = deny('several_authorizations')
const malformed = deny('malformed_authorization')
const tooLong = deny('token_too_long')

/**
 * Finds the one `Authorization` header of a request; this file alone reads it.
 *
 * @param rawHeaders names and values in turn, as Node's `IncomingMessage.rawHeaders` has them;
 *   joined or de-duplicated headers would hide a second `Authorization`
 * @returns its value, or the refusal: `missing_token` without it, `invalid_request` for several or
 *   among more than a thousand headers
 */
export function readAuthorization(rawHeaders: readonly string[]): string | Deny {
  if (rawHeaders.length > 2 * maxHeaders) return malformed
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (value !== undefined) return several
    value = rawHeaders[i + 1] as string
  }
  return value ?? missing
}

/**
 * Reads the bearer token out of an `Authorization` value.
 *
 * @param value as it came
 * @returns the token, or the refusal: `invalid_request` for another scheme or an empty or malformed
 *   credential, `invalid_token` over 16 KiB
 * @see RFC 6750 §2.1
 */
export function parseBearer(value: string): string | Deny {
  return parseToken(value, bearer, 'bearer ')
}

/**
 * Reads a DPoP-bound token out of an `Authorization` value.
 *
 * @param value as it came
 * @returns the token, or the refusal, as for {@link parseBearer}; undefined for another scheme
 * @see RFC 9449 §7.1
 */
export function parseDpop(value: string): string | Deny | undefined {
  return value.slice(0, 5).toLowerCase() === 'dpop ' ? parseToken(value, dpop, 'dpop ') : undefined
}

function parseToken(value: string, form: RegExp, scheme: string): string | Deny {
  // A long run of blanks before or after the token must not count against the scheme.
  if (value.length > maxTokenLength + 64) {
    return value.slice(0, scheme.length).toLowerCase() === scheme ? tooLong : malformed
  }
  const token = form.exec(value)?.[1]
  // Several words, quotes, commas: no token68 at all.
  if (token === undefined) return malformed
  return token.length > maxTokenLength ? tooLong : token
}

/**
 * What stands behind `Bearer ` where the header is written as nearly everybody writes it. It has
 * not been parsed: it serves to look a token up that was parsed when it was first seen.
 *
 * @param value an `Authorization` value
 */
export function likelyToken(value: string): string | undefined {
  return value.startsWith('Bearer ') && value.length <= maxTokenLength ? value.slice(7) : undefined
}
