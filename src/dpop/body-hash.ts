import { hash } from 'node:crypto'
import { decodeBase64url } from '../token/compact.ts'
import { isEqual } from './equal.ts'

/** @param value a `bh` claim, as it was parsed: 43 characters of strict base64url are one */
export function isBodyHash(value: unknown): value is string {
  return typeof value === 'string' && value.length === 43 && decodeBase64url(value) !== undefined
}

/**
 * Whether a body is the one that a proof was made for: `bh`, ZeroID's extension.
 *
 * @param bodyHash SHA-256 of the body in base64url, as `Proof.bodyHash` has it
 * @param body all bytes of the request's content, none where there was no content
 */
export function bodyHashMatches(bodyHash: string, body: Uint8Array): boolean {
  return isEqual(hash('sha256', body, 'base64url'), bodyHash)
}
