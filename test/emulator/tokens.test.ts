import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, type Profile, startEmulator } from '../../src/emulator/index.ts'
import { claimsOf, headerOf, postForm, postJson, tenant } from './http.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const start = 1_795_324_190_500

describe('tokens', () => {
  let emulator: Emulator

  beforeEach(async () => {
    emulator = await startEmulator({ now: () => start })
  })
  afterEach(() => emulator.close())

  const introspect = async (token: string) =>
    JSON.parse((await postForm(`${emulator.url}/oauth2/token/introspect`, { token })).text)

  /** A chain of tokens, each delegated from the one before. */
  async function chain(length: number, profile: Profile): Promise<string[]> {
    const tokens = [await emulator.mint({ profile })]
    while (tokens.length < length) tokens.push(await emulator.delegate(tokens.at(-1)!))
    return tokens
  }

  describe.each<Profile>(['legacy', 'rfc8693'])('under the %s profile', (profile) => {
    it('revokes a chain of depth 5 from the revoked link down, and nothing above it', async () => {
      const tokens = await chain(6, profile)
      expect(tokens.map((token) => claimsOf(token).delegation_depth)).toEqual([
        undefined,
        1,
        2,
        3,
        4,
        5,
      ])
      await emulator.revoke(tokens[2]!)
      expect(tokens.map(emulator.active)).toEqual([true, true, false, false, false, false])
      const answers = await Promise.all(tokens.map(introspect))
      expect(answers.map(({ active }) => active)).toEqual([true, true, false, false, false, false])
    })

    it('revokes a chain of depth 5 by a signal about the agent at its root', async () => {
      const agent = await emulator.agent()
      const tokens = [await emulator.mint({ agent, profile })]
      while (tokens.length < 6) tokens.push(await emulator.delegate(tokens.at(-1)!))
      await emulator.signal({ agent, severity: 'high' })
      expect(tokens.map(emulator.active)).toEqual(Array(6).fill(false))
    })

    it('keeps one mission id through the chain, the jti of its root', async () => {
      const tokens = await chain(4, profile)
      const root = claimsOf(tokens[0]!).jti
      expect(tokens.map((token) => claimsOf(token).mission_id)).toEqual(Array(4).fill(root))
    })

    it('passes the profile on to delegated tokens', async () => {
      const tokens = await chain(3, profile)
      const type = profile === 'legacy' ? undefined : 'workload'
      expect(tokens.map((token) => claimsOf(token).principal_type)).toEqual([type, type, type])
    })
  })

  it('names the delegating parent alone in a legacy act', async () => {
    const [root, child, grandchild] = await chain(3, 'legacy')
    expect(claimsOf(root!).act).toBeUndefined()
    expect(claimsOf(child!).act).toEqual({ sub: claimsOf(root!).sub })
    expect(claimsOf(grandchild!).act).toEqual({ sub: claimsOf(child!).sub })
  })

  it('keeps the principal as sub and nests the actors under rfc8693', async () => {
    const inner = await emulator.agent({ name: 'inner', trustLevel: 'unverified' })
    const outer = await emulator.agent({ name: 'outer', identityType: 'service' })
    const root = await emulator.mint({ agent: inner, principal: 'user_alice' })
    const child = await emulator.delegate(root, { to: outer })
    expect(claimsOf(root)).toMatchObject({
      sub: 'user_alice',
      principal_type: 'user',
      scope: 'data:read',
      act: {
        sub: inner.wimseUri,
        identity_type: 'agent',
        trust_level: 'unverified',
        external_id: 'inner',
      },
    })
    expect(claimsOf(child)).toMatchObject({
      sub: 'user_alice',
      principal_type: 'user',
      act: {
        sub: outer.wimseUri,
        identity_type: 'service',
        trust_level: 'first_party',
        external_id: 'outer',
        act: { sub: inner.wimseUri },
      },
    })
    expect(Object.keys(claimsOf(child))).not.toContain('trust_level')
    expect((await introspect(child)).act).toEqual(claimsOf(child).act)
  })

  it('gives a workload root no act and its attributes at the top under rfc8693', async () => {
    const agent = await emulator.agent({ trustLevel: 'verified_third_party' })
    const claims = claimsOf(await emulator.mint({ agent, profile: 'rfc8693', grant: 'api_key' }))
    expect(claims).toMatchObject({
      sub: agent.wimseUri,
      principal_type: 'workload',
      trust_level: 'verified_third_party',
    })
    expect(claims.act).toBeUndefined()
  })

  it('names at most 16 actors and drops the oldest', async () => {
    const tokens = await chain(19, 'rfc8693')
    const subs: unknown[] = []
    for (let act = claimsOf(tokens.at(-1)!).act; isObject(act); act = act.act) {
      subs.push(act.sub)
    }
    const holders = tokens.slice(1).map((token) => (claimsOf(token).act as { sub: string }).sub)
    expect(subs).toHaveLength(16)
    expect(subs).toEqual(holders.reverse().slice(0, 16))
  })

  it('delegates no scope that parent or sub-agent do not hold', async () => {
    const parent = await emulator.mint({ scopes: ['data:read', 'data:write'] })
    const to = await emulator.agent({ scopes: ['data:read', 'mail:send'] })
    const child = await emulator.delegate(parent, { to })
    expect(claimsOf(child).scopes).toEqual(['data:read'])
    const wider = emulator.delegate(child, { scopes: ['data:write'] })
    await expect(wider).rejects.toThrow('requested scopes are not available for delegation')
    const foreign = emulator.delegate(parent, { to, scopes: ['mail:send'] })
    await expect(foreign).rejects.toThrow('requested scopes are not available for delegation')
  })

  it('refuses to mint a scope outside the agent’s own', async () => {
    const agent = await emulator.agent({ scopes: ['data:read'] })
    await expect(emulator.mint({ agent, scopes: ['data:write'] })).rejects.toThrow('allowed_scopes')
  })

  it('lets a child expire no later than its parent', async () => {
    const parent = await emulator.mint({ ttl: 100 })
    const child = await emulator.delegate(parent, { ttl: 500 })
    const grandchild = await emulator.delegate(child)
    const { iat, exp } = claimsOf(parent) as { iat: number; exp: number }
    expect(exp - iat).toBe(100)
    // Half a second of the current one is over: whole seconds are left, rounded down.
    expect(claimsOf(child).exp).toBe(exp - 1)
    expect(claimsOf(grandchild).exp).toBe(exp - 2)
    expect(claimsOf(await emulator.delegate(parent, { ttl: 30 })).exp).toBe(iat + 30)
  })

  it('lets a token lapse at its exp', async () => {
    const token = await emulator.mint({ ttl: 60 })
    emulator.clock.advance(59_400)
    expect(emulator.active(token)).toBe(true)
    emulator.clock.advance(100)
    expect(emulator.active(token)).toBe(false)
    expect(await introspect(token)).toEqual({ active: false })
  })

  it('delegates nothing from a revoked parent', async () => {
    const parent = await emulator.mint()
    const to = await emulator.agent()
    const actor_token = await emulator.assertion(to)
    await emulator.revoke(parent)
    const answer = await postJson(`${emulator.url}/oauth2/token`, {
      grant_type: exchangeGrant,
      subject_token: parent,
      actor_token,
      scope: 'data:read',
    })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toEqual({
      error: 'invalid_grant',
      error_description: 'subject_token is inactive or has been revoked',
    })
  })

  it('accepts an actor only by the key it registered', async () => {
    const parent = await emulator.mint()
    const [to, other] = [await emulator.agent(), await emulator.agent()]
    const request = { grant_type: exchangeGrant, subject_token: parent, scope: 'data:read' }
    const exchange = async (actor_token: string) =>
      JSON.parse((await postJson(`${emulator.url}/oauth2/token`, { ...request, actor_token })).text)
    const good = await emulator.assertion(to)
    const claims = claimsOf(good)
    expect(await exchange(good)).toMatchObject({ token_type: 'Bearer', expires_in: 3599 })

    const forged = await emulator.sign({ ...claims, iss: other.wimseUri })
    expect(await exchange(forged)).toMatchObject({ error: 'invalid_grant' })
    const [head, , signature] = good.split('.')
    const swapped = Buffer.from(JSON.stringify({ ...claims, iss: other.wimseUri }))
    expect(await exchange(`${head}.${swapped.toString('base64url')}.${signature}`)).toEqual({
      error: 'invalid_grant',
      error_description: 'actor_token validation failed',
    })
  })

  it('refuses an assertion that was made for another server', async () => {
    const other = await startEmulator({ issuer: 'https://id.example' })
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const public_key_pem = publicKey.export({ type: 'spki', format: 'pem' })
    const identity = { external_id: 'sub', name: 'sub', public_key_pem }
    const made = await postJson(`${emulator.url}/api/v1/identities`, identity, tenant())
    const iss = JSON.parse(made.text).wimse_uri
    const subject_token = await emulator.mint()
    const exchange = async (aud: string) => {
      const claims = { iss, sub: iss, aud, exp: start / 1000 + 60 }
      const actor_token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256' })
        .sign(privateKey)
      const body = { grant_type: exchangeGrant, subject_token, actor_token, scope: 'data:read' }
      return (await postJson(`${emulator.url}/oauth2/token`, body)).status
    }
    expect(await exchange(emulator.issuer)).toBe(200)
    expect(await exchange(other.issuer)).toBe(400)
    await other.close()
  })

  it('refuses a delegation across tenants', async () => {
    const parent = await emulator.mint()
    const to = await emulator.agent({ account: 'acct-x' })
    await expect(emulator.delegate(parent, { to })).rejects.toThrow('same tenant')
  })

  it('serves client_credentials and api_key to an agent registered in-process', async () => {
    const agent = await emulator.agent()
    const client = await postForm(`${emulator.url}/oauth2/token`, {
      grant_type: 'client_credentials',
      account_id: agent.account,
      project_id: agent.project,
      client_id: agent.externalId,
      client_secret: agent.clientSecret,
      scope: 'data:read',
    })
    const key = await postJson(`${emulator.url}/oauth2/token`, {
      grant_type: 'api_key',
      api_key: agent.apiKey,
    })
    const [byClient, byKey] = [JSON.parse(client.text), JSON.parse(key.text)]
    expect(headerOf(byClient.access_token)).toEqual({
      alg: 'ES256',
      kid: 'zeroid-key-1',
      typ: 'JWT',
    })
    expect(headerOf(byKey.access_token)).toEqual({ alg: 'RS256', kid: 'v1', typ: 'JWT' })
    expect(emulator.active(byClient.access_token)).toBe(true)
    expect(emulator.active(byKey.access_token)).toBe(true)
  })

  it.each([
    [{ grant_type: 'password' }, 400, 'unsupported_grant_type'],
    [{ grant_type: 'api_key', api_key: 'zid_sk_no' }, 400, 'invalid_grant'],
    [{ grant_type: 'client_credentials', client_id: 'x' }, 401, 'invalid_client'],
    [{ grant_type: exchangeGrant }, 400, 'invalid_request'],
  ])('refuses %j as RFC 6749 has it', async (body, status, error) => {
    const answer = await postJson(`${emulator.url}/oauth2/token`, body)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ error, error_description: expect.any(String) })
  })

  it('refuses a DPoP proof under another key than its own', async () => {
    const agent = await emulator.agent()
    const jwk = emulator.jwks().keys[0]
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk }
    const claims = {
      htm: 'POST',
      htu: `${emulator.url}/oauth2/token`,
      jti: 'a',
      iat: Math.floor(start / 1000),
    }
    const body = { grant_type: 'api_key', api_key: agent.apiKey }
    const bound = async (proof: string) =>
      postJson(`${emulator.url}/oauth2/token`, body, { DPoP: proof })
    const good = await bound(await emulator.sign(claims, { header }))
    expect(JSON.parse(good.text)).toMatchObject({ token_type: 'DPoP' })
    const wrong = await bound(
      await emulator.sign(claims, { header: { ...header, alg: 'RS256' }, key: 'rsa' }),
    )
    expect(JSON.parse(wrong.text)).toMatchObject({ error: 'invalid_dpop_proof' })
    const elsewhere = { ...claims, htm: 'GET' }
    const get = await bound(await emulator.sign(elsewhere, { header }))
    expect(JSON.parse(get.text)).toMatchObject({ error: 'invalid_dpop_proof' })
  })

  it('knows no token that it signed without issuing it', async () => {
    const agent = await emulator.agent()
    const token = await emulator.mint({ agent })
    const copy = await emulator.sign({ ...claimsOf(token), jti: 'never-issued' })
    expect(emulator.active(copy)).toBe(false)
    expect(emulator.active(await emulator.proofToken(agent))).toBe(false)
    expect(emulator.active(await emulator.sign(claimsOf(token)))).toBe(true)
  })

  it('takes no token whose payload was changed after it was signed', async () => {
    const token = await emulator.mint()
    const [head, , signature] = token.split('.')
    const changed = JSON.stringify({ ...claimsOf(token), scopes: ['everything'] })
    const forged = `${head}.${Buffer.from(changed).toString('base64url')}.${signature}`
    expect([token, forged].map(emulator.active)).toEqual([true, false])
    expect(await introspect(forged)).toEqual({ active: false })
  })

  it('signs text as it is, under the live key and the header asked for', async () => {
    const token = await emulator.sign('{"sub":1,"sub":2}', { header: { typ: 'x', alg: 'none' } })
    const [head, payload, signature] = token.split('.')
    expect(Buffer.from(payload!, 'base64url').toString()).toBe('{"sub":1,"sub":2}')
    expect(headerOf(token)).toMatchObject({ alg: 'none', typ: 'x', kid: 'zeroid-key-1' })
    const jwk = { ...emulator.jwks().keys[0] }
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const input = Buffer.from(`${head}.${payload}`)
    const bytes = Buffer.from(signature!, 'base64url')
    expect(verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, bytes)).toBe(true)
  })

  it('lets a mint add, replace and leave out claims', async () => {
    const claims = { active: true, trust_level: 'root', grant_type: undefined }
    const made = claimsOf(await emulator.mint({ claims, audience: 'https://api.example' }))
    expect(made).toMatchObject({ active: true, trust_level: 'root', aud: ['https://api.example'] })
    expect(made).not.toHaveProperty('grant_type')
  })

  it('keeps old keys published on rotation, unless told to drop them', async () => {
    const old = await emulator.mint()
    await emulator.rotateKeys()
    const fresh = await emulator.mint()
    expect(headerOf(fresh).kid).toBe('zeroid-key-2')
    expect(emulator.jwks().keys.map(({ kid }) => kid)).toEqual([
      'zeroid-key-2',
      'v2',
      'zeroid-key-1',
      'v1',
    ])
    expect([old, fresh].map(emulator.active)).toEqual([true, true])
    await emulator.rotateKeys({ drop: true })
    expect(emulator.jwks().keys.map(({ kid }) => kid)).toEqual(['zeroid-key-3', 'v3'])
    expect([old, fresh].map(emulator.active)).toEqual([false, false])
  })

  it('revokes one agent’s tokens among 100 000 without a pause', { timeout: 60_000 }, async () => {
    const [one, rest] = [await emulator.agent(), await emulator.agent()]
    const victim = await emulator.mint({ agent: one })
    const child = await emulator.delegate(victim)
    let survivor = ''
    for (let count = 0; count < 100_000; count += 1) survivor = await emulator.mint({ agent: rest })
    const before = performance.now()
    await emulator.signal({ agent: one })
    expect(performance.now() - before).toBeLessThan(100)
    expect([victim, child, survivor].map(emulator.active)).toEqual([false, false, true])
    await emulator.signal({ agent: rest })
    expect(emulator.active(survivor)).toBe(false)
  })
})

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
