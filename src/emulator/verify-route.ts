import { isObject, text } from './json.ts'
import type { Ctx } from './reply.ts'
import { send, sendText } from './reply.ts'
import type { Tokens } from './tokens.ts'
import type { Claims } from './types.ts'

type VerifyError = 'missing_token' | 'invalid_request' | 'invalid_token'

/** Answers `GET /oauth2/token/verify`: 200 and identity headers, or a 401 challenge. */
export function verifyToken(c: Ctx, tokens: Tokens, issuer: string): Response {
  const header = c.env.incoming.headers.authorization
  if (header === undefined || header === '') return challenge(c, issuer, 'missing_token')
  // The real server takes this spelling of the scheme only.
  const token = header.startsWith('Bearer ') ? header.slice('Bearer '.length).trim() : ''
  if (token === '') {
    return challenge(c, issuer, 'invalid_request', 'invalid_authorization_header')
  }
  const claims = tokens.introspect(token)
  if (claims.active !== true) return challenge(c, issuer, 'invalid_token')
  return send(c, 200, '{"active":true}', {
    ...identityHeaders(claims),
    'content-type': 'application/json',
  })
}

function challenge(c: Ctx, issuer: string, code: VerifyError, body: string = code): Response {
  const metadata = `${issuer}/.well-known/oauth-protected-resource`
  return sendText(c, 401, JSON.stringify({ error: body }), {
    'www-authenticate': `Bearer error="${code}", resource_metadata="${metadata}"`,
  })
}

function identityHeaders(claims: Claims): Record<string, string> {
  const act = isObject(claims.act) ? claims.act : {}
  // Under rfc8693 a delegated token carries the actor's attributes inside `act`.
  const actor = claims.principal_type === undefined ? {} : act
  const values: [string, unknown][] = [
    ['x-forwarded-user', claims.sub],
    ['x-zeroid-identity-type', claims.identity_type ?? actor.identity_type],
    ['x-zeroid-trust-level', claims.trust_level ?? actor.trust_level],
    ['x-zeroid-account-id', claims.account_id],
    ['x-zeroid-project-id', claims.project_id],
    ['x-zeroid-external-id', claims.external_id ?? actor.external_id],
    ['x-zeroid-act-sub', act.sub],
  ]
  return Object.fromEntries(
    values.flatMap(([name, value]) => {
      const filled = text(value)
      return filled === undefined ? [] : [[name, headerBytes(filled)]]
    }),
  )
}

/** The UTF-8 bytes of a value as latin1 characters; control characters become spaces. */
function headerBytes(value: string): string {
  return [...Buffer.from(value)]
    .map((byte) => ((byte < 32 && byte !== 9) || byte === 127 ? ' ' : String.fromCharCode(byte)))
    .join('')
}
