import { verify } from 'node:crypto'
import type { Deny, Unknown } from '../verdict.ts'
import { deny } from '../verdict.ts'
import type { Claims, ClaimsRules } from './claims.ts'
import { parseClaims } from './claims.ts'
import type { Compact } from './compact.ts'
import { splitCompact } from './compact.ts'
import type { JsonObject } from './json.ts'
import { isJsonObject, member, parseJsonObject } from './json.ts'
import type { VerificationKey } from './jwks.ts'
import type { Keys } from './keys.ts'

/** A checked protected header. */
interface Header {
  readonly alg: string
  readonly kid: string
}

/**
 * Members that would bring a key, another meaning or another token along (RFC 8725 §3.10;
 * RFC 7515 §4.1.11: what is critical and not understood is refused). ZeroID sends none of them.
 */
const refusedMembers = [
  'crit',
  'b64',
  'jku',
  'jwk',
  'x5u',
  'x5c',
  'x5t',
  'x5t#S256',
  'cty',
  'zip',
  'enc',
] as const

const malformed = deny('token_malformed')

/**
 * Verifies an access token: compact form, header, key, signature, claims. Times are judged later.
 *
 * @param token what stood behind `Bearer`
 * @param keys the server's keys; the algorithm is the key's own, never the header's choice
 * @param rules issuer and audiences
 * @returns the claims; a 401 that names the first check that failed; or `unknown` where the keys
 *   do not allow an answer
 * @see RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725 §3
 */
export async function verifyToken(
  token: string,
  keys: Keys,
  rules: ClaimsRules,
): Promise<Claims | Deny | Unknown> {
  const parts = splitCompact(token)
  if (parts === undefined) return malformed
  const header = acceptedHeaders.get(parts.headerText) ?? readHeader(parts.header)
  if ('outcome' in header) return header

  const key = await keys.find(header.kid, () => peekIssuedAt(parts.payload))
  if ('outcome' in key) return key
  if (header.alg !== key.alg) return deny('algorithm_refused', 'alg')
  if (!signatureHolds(parts, key)) return deny('bad_signature')
  rememberHeader(parts.headerText, header)

  const payload = parseJsonObject(parts.payload)
  return payload === undefined ? deny('claims_malformed') : parseClaims(payload, rules)
}

/**
 * Checked headers of tokens whose signature held, by their text. A server signs all its tokens under
 * a handful of headers; what a header means depends on its text alone, so this is no state.
 */
const acceptedHeaders = new Map<string, Header>()
const mostHeaders = 16

function rememberHeader(text: string, header: Header): void {
  if (acceptedHeaders.has(text)) return
  if (acceptedHeaders.size >= mostHeaders) acceptedHeaders.clear()
  acceptedHeaders.set(text, header)
}

function readHeader(bytes: Buffer): Header | Deny {
  const header = parseJsonObject(bytes)
  if (header === undefined) return deny('header_refused')
  for (const name of refusedMembers) {
    if (Object.hasOwn(header, name)) return deny('header_refused', name)
  }
  if (!isJwtType(header)) return deny('header_refused', 'typ')
  const alg = member(header, 'alg')
  if (alg !== 'ES256' && alg !== 'RS256') return deny('algorithm_refused', 'alg')
  const kid = member(header, 'kid')
  if (typeof kid !== 'string' || kid === '') return deny('header_refused', 'kid')
  return { alg, kid }
}

/** SPIFFE JWT-SVID §2.3: `typ` is absent, `JWT` or `JOSE`. */
function isJwtType(header: JsonObject): boolean {
  const typ = member(header, 'typ')
  return typ === undefined || typ === 'JWT' || typ === 'JOSE'
}

/** The `iat` of a token that nobody vouched for: fit to choose between 401 and 503, no more. */
function peekIssuedAt(payload: Buffer): number | undefined {
  const parsed = parseJsonObject(payload)
  const issuedAt = isJsonObject(parsed) ? member(parsed, 'iat') : undefined
  return typeof issuedAt === 'number' ? issuedAt : undefined
}

/**
 * The signature alone: what else a JWS library would check has been checked above, more strictly,
 * and doing it twice costs a fifth of a verification. Done at once, on the event loop: handing sixty
 * microseconds of work to a thread and back costs half as much again. RFC 7518 §3.3 and §3.4.
 */
function signatureHolds({ signature, signed }: Compact, { alg, key }: VerificationKey): boolean {
  return alg === 'ES256'
    ? verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
    : verify('sha256', signed, key, signature)
}
