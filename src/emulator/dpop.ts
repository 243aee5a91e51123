import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import type { Clock } from './clock.ts'
import { isObject } from './json.ts'
import { OAuthError } from './oauth-error.ts'

/** How far the proof's `iat` may be from now, in seconds. */
const window = 300

/**
 * Checks the DPoP proof of a token request (RFC 9449 §4.3).
 *
 * @returns the RFC 7638 thumbprint of the proof's key, for `cnf.jkt`
 * @throws OAuthError `invalid_dpop_proof`
 */
export async function checkTokenProof(proof: string, clock: Clock): Promise<string> {
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256', 'RS256'],
      maxTokenAge: window,
      clockTolerance: window,
      requiredClaims: ['jti', 'htm', 'htu'],
      currentDate: new Date(clock.now()),
    })
    const htu = new URL(String(payload.htu))
    if (payload.htm !== 'POST' || htu.pathname !== '/oauth2/token') throw new Error('htu')
    if (!isObject(protectedHeader.jwk)) throw new Error('jwk')
    return await calculateJwkThumbprint(protectedHeader.jwk, 'sha256')
  } catch {
    throw new OAuthError(400, 'invalid_dpop_proof', 'DPoP proof validation failed')
  }
}
