import { z } from 'zod'
import { type ClientCredentials, readBasic, requireClient } from './client-auth.ts'
import type { Core } from './core.ts'
import { checkTokenProof } from './dpop.ts'
import { createGrants, tokenRequest } from './grants.ts'
import { text } from './json.ts'
import { OAuthError } from './oauth-error.ts'
import { parseBody } from './parse.ts'
import { type Ctx, sendJson, sendResource, sendSorted } from './reply.ts'
import type { Router } from './router.ts'
import { verifyToken } from './verify-route.ts'

const tokenBody = z.object({ token: z.string().min(1) })

/** Adds `/oauth2/token` and what stands below it. */
export function addOAuthRoutes(
  router: Router,
  core: Core,
  introspectionClient: ClientCredentials | undefined,
): void {
  const { store, tokens, credentials, keys, issuer, clock } = core
  const grant = createGrants(store, tokens, core.exchange, core.profile)

  router.on('POST', '/oauth2/token', async (c) => {
    const body = await parseBody(c, tokenRequest, true)
    if (!body.ok) return body.response
    return answering(c, async () => {
      const proof = c.req.header('dpop')
      const jkt = proof === undefined ? undefined : await checkTokenProof(proof, clock)
      const basic = readBasic(c.req.header('authorization'))
      const client = { client_id: basic?.id, client_secret: basic?.secret }
      return sendJson(c, 200, grant({ ...(basic && client), ...body.value }, jkt))
    })
  })

  router.on('POST', '/oauth2/token/introspect', async (c) =>
    answering(c, async () => {
      if (introspectionClient !== undefined) {
        requireClient(c.req.header('authorization'), introspectionClient, store)
      }
      const body = await parseBody(c, tokenBody, true)
      return body.ok ? sendSorted(c, 200, tokens.introspect(body.value.token)) : body.response
    }),
  )

  router.on('POST', '/oauth2/token/revoke', async (c) => {
    const body = await parseBody(c, tokenBody, true)
    if (!body.ok) return body.response
    // RFC 7009 §2.2: an unknown token is no error. No signal is sent for a revocation.
    credentials.revoke(text(keys.verify(body.value.token)?.jti) ?? '')
    return sendResource(c, 200, 'OAuthRevokeOutputBody', { revoked: true })
  })

  router.on('GET', '/oauth2/token/verify', (c) => verifyToken(c, tokens, issuer))
}

/** Runs a handler and writes an OAuthError as RFC 6749 §5.2 has it. */
async function answering(c: Ctx, handler: () => Promise<Response>): Promise<Response> {
  try {
    return await handler()
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    const body = { error: error.code, error_description: error.message }
    const basic = error.status === 401 && c.req.header('authorization') !== undefined
    const challenge = { 'www-authenticate': 'Basic realm="zeroid", charset="UTF-8"' }
    return sendJson(c, error.status, body, basic ? challenge : {})
  }
}
