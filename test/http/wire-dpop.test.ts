import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Deny } from '../../src/verdict.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { jwksPath, startServer } from '../helpers/server.ts'
import type { OpenDoor } from '../helpers/stack.ts'
import { openDoor } from '../helpers/stack.ts'

interface Exchange {
  readonly name: string
  readonly request: { headers: Record<string, string> }
  readonly response: { body: Record<string, unknown> }
}

const exchanges = JSON.parse(
  readFileSync(new URL('../wire/exchanges.json', import.meta.url), 'utf8'),
) as Exchange[]

function recorded(name: string): Exchange {
  const found = exchanges.find((one) => one.name === name)
  if (found === undefined) throw new Error(`nothing was recorded as ${name}`)
  return found
}

/** What ZeroID gave a client for a proof at its token endpoint, and that proof. */
const granted = recorded('token: DPoP-bound')
const token = String(granted.response.body.access_token)
const spent = String(granted.request.headers.DPoP)
const issuedAt = Number(granted.response.body.iat) * 1000

/** A gate that knows ZeroID's keys, at the time when they were recorded. */
async function openThen(): Promise<OpenDoor & { reasons: string[] }> {
  // It has been running for a minute then.
  const clock = createFakeClock(issuedAt - 60_000)
  const server = await startServer(clock.now)
  server.on(jwksPath, recorded('jwks').response.body)
  const reasons: string[] = []
  const door = await openDoor({
    url: server.url,
    issuer: 'http://localhost:8899',
    clock,
    signals: false,
    observer: {
      verdict: (verdict) => void reasons.push((verdict as Deny).reason ?? verdict.outcome),
    },
  })
  clock.advance(62_000)
  return { ...door, reasons }
}

const described = {
  'x-forwarded-method': 'POST',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'localhost:8912',
  'x-forwarded-uri': '/oauth2/token',
}

describe('a token that ZeroID bound to a key', () => {
  test('is no bearer token, with the proof that it was granted for or without', async () => {
    const { verify, reasons } = await openThen()
    for (const extra of [{}, { dpop: spent }]) {
      const answer = await verify({ ...described, authorization: `Bearer ${token}`, ...extra })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer error="invalid_token", resource_metadata="http://localhost:8899/.well-known/oauth-protected-resource", ' +
          'DPoP error="invalid_token", algs="ES256 ES384 ES512 EdDSA PS256 PS384 PS512 RS256 RS384 RS512"',
      )
    }
    expect(reasons).toEqual(['proof_missing', 'proof_missing'])
  })

  test('needs a proof by that key, made for the token', async () => {
    const { verify, reasons } = await openThen()
    const authorization = `DPoP ${token}`
    const url = 'http://localhost:8912/oauth2/token'
    const stranger = makeProofKey()
    const theirs = proof({ key: stranger, method: 'POST', url, token, now: issuedAt + 2_000 })
    // The key of the proof that it was granted for is the right one, but it was made for no token.
    for (const dpop of [theirs, spent]) {
      expect((await verify({ ...described, authorization, dpop })).status).toBe(401)
    }
    expect((await verify({ ...described, authorization })).status).toBe(401)
    expect(reasons).toEqual(['cnf_jkt_mismatch', 'ath_mismatch', 'proof_missing'])
  })
})
