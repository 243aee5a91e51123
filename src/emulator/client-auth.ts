import { OAuthError } from './oauth-error.ts'
import type { Store } from './store.ts'

/** An OAuth client's id and secret. */
export interface ClientCredentials {
  id: string
  secret: string
}

/**
 * Authenticates the caller of introspection on a strict server (RFC 7662 §2.1).
 *
 * @param header the `Authorization` header
 * @param known the client the emulator was started with; registered ones count as well
 * @throws OAuthError `invalid_client`
 */
export function requireClient(
  header: string | undefined,
  known: ClientCredentials,
  store: Store,
): void {
  const given = readBasic(header)
  if (given === undefined) {
    const reason = 'client authentication is required for this endpoint'
    throw new OAuthError(401, 'invalid_client', reason)
  }
  const matches = given.id === known.id && given.secret === known.secret
  if (matches || store.hasClient(given.id, given.secret)) return
  throw new OAuthError(401, 'invalid_client', 'invalid client credentials')
}

/** Reads HTTP Basic credentials, form-decoded as RFC 6749 §2.3.1 has it. */
export function readBasic(header: string | undefined): ClientCredentials | undefined {
  const encoded = /^Basic +(\S+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const decoded = Buffer.from(encoded, 'base64').toString()
  const colon = decoded.indexOf(':')
  if (colon < 0) return undefined
  try {
    return {
      id: formDecode(decoded.slice(0, colon)),
      secret: formDecode(decoded.slice(colon + 1)),
    }
  } catch {
    return undefined
  }
}

/** RFC 6749 §2.3.1: the parts are form-encoded, where a plus is a blank. */
function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
