import type { Deny } from '../verdict.ts'
import { deny } from '../verdict.ts'
import { maxTokenLength, parseBearer, readAuthorization } from './bearer.ts'

/** Where a browser can put a token: it may set no header on a WebSocket, but offer protocols. */
const prefix = 'base64url.bearer.authorization.'
const maxOffer = Math.ceil((maxTokenLength * 4) / 3)

/** What a WebSocket handshake presents. */
export interface Offer {
  /** Of a subprotocol; undefined where none carries any: then `Authorization` may. */
  readonly token: string | Deny | undefined
  /** The subprotocols that hold no token, in the client's order. */
  readonly protocols: readonly string[]
}

/**
 * Reads the token that a WebSocket handshake offers as a subprotocol
 * (`base64url.bearer.authorization.<base64url of the token>`), never beside an `Authorization`.
 *
 * @param rawHeaders names and values in turn
 */
export function readOffer(rawHeaders: readonly string[]): Offer {
  const offered = readProtocols(rawHeaders)
  const carriers = offered.filter((protocol) => protocol.startsWith(prefix))
  const protocols = offered.filter((protocol) => !protocol.startsWith(prefix))
  const [carrier] = carriers
  if (carrier === undefined) return { token: undefined, protocols }
  const value = readAuthorization(rawHeaders)
  const alone = carriers.length === 1 && typeof value !== 'string' && value.code === 'missing_token'
  return { token: alone ? decode(carrier) : deny('several_authorizations'), protocols }
}

/** RFC 6455 §4.1 (10): a list, which may be spread over several headers. */
function readProtocols(rawHeaders: readonly string[]): string[] {
  const values = rawHeaders.filter((_, i) => i % 2 === 1 && isProtocolHeader(rawHeaders[i - 1]))
  return values
    .flatMap((value) => value.split(','))
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '')
}

/** @param name of a header, in any case */
export function isProtocolHeader(name: string | undefined): boolean {
  return name?.length === 22 && name.toLowerCase() === 'sec-websocket-protocol'
}

function decode(carrier: string): string | Deny {
  const text = carrier.slice(prefix.length)
  if (text.length > maxOffer) return deny('token_too_long')
  const bytes = Buffer.from(text, 'base64url')
  // One token has one spelling.
  if (bytes.toString('base64url') !== text) return deny('malformed_authorization')
  return parseBearer(`Bearer ${bytes.toString('latin1')}`)
}
