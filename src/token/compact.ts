/** The parts of a compact JWS, decoded (RFC 7515 §3.1). */
export interface Compact {
  /** The first part as it came. */
  readonly headerText: string
  readonly header: Buffer
  readonly payload: Buffer
  readonly signature: Buffer
  /** What the signature is over: the two encoded parts before it. */
  readonly signed: Buffer
}

const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/**
 * Takes a compact JWS apart. There is one spelling only: unused bits in a last character are zero.
 *
 * @param text as it came
 * @returns its parts; undefined where it is none
 * @see RFC 7515 §7.1
 */
export function splitCompact(text: string): Compact | undefined {
  if (!compact.test(text)) return undefined
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  const headerText = text.slice(0, first)
  const header = decodeBase64url(headerText)
  const payload = decodeBase64url(text.slice(first + 1, second))
  const signature = decodeBase64url(text.slice(second + 1))
  if (!header || !payload || !signature) return undefined
  const signed = Buffer.from(text.slice(0, second), 'latin1')
  return { headerText, header, payload, signature, signed }
}

/**
 * Decodes strict base64url: no padding, no other character, no unused bits (RFC 7515 §2).
 *
 * @param text as it came
 * @returns the bytes; undefined where it is spelt in any other way
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
