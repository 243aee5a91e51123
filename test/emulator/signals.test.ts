import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Agent, type Emulator, type Signal, startEmulator } from '../../src/emulator/index.ts'
import { call, claimsOf, postForm, postJson, tenant } from './http.ts'

describe('signals', () => {
  let emulator: Emulator
  let agent: Agent

  beforeEach(async () => {
    emulator = await startEmulator()
    agent = await emulator.agent()
  })
  afterEach(() => emulator.close())

  const list = async (query = '', headers = tenant()): Promise<Signal[]> =>
    JSON.parse((await call(`${emulator.url}/api/v1/signals${query}`, { headers })).text).signals
  const ingest = (body: Record<string, unknown>, headers = tenant()) =>
    postJson(
      `${emulator.url}/api/v1/signals/ingest`,
      { identity_id: agent.id, signal_type: 'policy_violation', source: 'test', ...body },
      headers,
    )

  it.each(['low', 'medium'])('revokes nothing on severity %s', async (severity) => {
    const token = await emulator.mint({ agent })
    expect((await ingest({ severity })).status).toBe(201)
    expect(emulator.active(token)).toBe(true)
    expect(await list()).toHaveLength(1)
  })

  it.each(['high', 'critical'])(
    'revokes what the agent holds on severity %s, and nothing it gets afterwards',
    async (severity) => {
      const token = await emulator.mint({ agent })
      const child = await emulator.delegate(token)
      const other = await emulator.mint()
      expect((await ingest({ severity })).status).toBe(201)
      const after = await emulator.mint({ agent })
      expect([token, child, other, after].map(emulator.active)).toEqual([false, false, true, true])
    },
  )

  it.each([
    [{ severity: 'fatal' }, 422, 'body.severity'],
    [{ source: undefined }, 422, 'body'],
    [{ signal_type: '' }, 422, 'body.signal_type'],
    [{ payload: 'text' }, 422, 'body.payload'],
  ])('refuses %j with %i', async (body, status, location) => {
    const answer = await ingest(body)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(answer.text).errors).toMatchObject([{ location }])
    expect(await list()).toEqual([])
  })

  it('refuses an unknown signal type', async () => {
    expect((await ingest({ signal_type: 'gossip' })).status).toBe(400)
  })

  it('revokes nothing for another tenant that names the identity', async () => {
    const token = await emulator.mint({ agent })
    const stranger = tenant('acct-x', 'proj-x')
    expect((await ingest({ severity: 'critical' }, stranger)).status).toBe(201)
    expect(emulator.active(token)).toBe(true)
    expect(await list()).toEqual([])
    expect(await list('', stranger)).toMatchObject([
      { identity_id: agent.id, account_id: 'acct-x' },
    ])
  })

  it('stores a signal about an identity nobody knows', async () => {
    const identity_id = '00000000-0000-4000-8000-000000000000'
    expect((await ingest({ identity_id, severity: 'critical' })).status).toBe(201)
    expect(await list()).toMatchObject([{ identity_id }])
  })

  it('sends no signal for a plain revocation', async () => {
    const token = await emulator.mint({ agent })
    const child = await emulator.delegate(token)
    const answer = await postForm(`${emulator.url}/oauth2/token/revoke`, { token })
    expect(JSON.parse(answer.text)).toMatchObject({ revoked: true })
    expect([token, child].map(emulator.active)).toEqual([false, false])
    expect(await list()).toEqual([])
  })

  it('answers the revocation of a token it never issued like any other', async () => {
    const answer = await postForm(`${emulator.url}/oauth2/token/revoke`, { token: 'a.b.c' })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ revoked: true })
  })

  it('writes the row before it revokes', async () => {
    emulator.faults.revokeDelay(60_000)
    const token = await emulator.mint({ agent })
    void emulator.signal({ agent })
    expect(await list()).toMatchObject([{ severity: 'critical' }])
    expect(emulator.active(token)).toBe(true)
  })

  it('revokes after the delay what was minted within it', async () => {
    emulator.faults.revokeDelay(30)
    const token = await emulator.mint({ agent })
    const raised = emulator.signal({ agent })
    const between = await emulator.mint({ agent })
    const child = await emulator.delegate(token)
    await raised
    expect([token, between, child].map(emulator.active)).toEqual([false, false, false])
  })

  it('retires an agent with its keys, credentials and a signal', async () => {
    const token = await emulator.mint({ agent })
    await emulator.deactivate(agent)
    expect(emulator.active(token)).toBe(false)
    expect(await list()).toMatchObject([
      {
        identity_id: agent.id,
        signal_type: 'retirement',
        severity: 'high',
        source: 'identity_lifecycle',
        payload: { reason: 'identity_deactivated' },
      },
    ])
    const request = {
      grant_type: 'client_credentials',
      account_id: agent.account,
      project_id: agent.project,
      client_id: agent.externalId,
      client_secret: agent.clientSecret,
    }
    const refused = await postJson(`${emulator.url}/oauth2/token`, request)
    expect(JSON.parse(refused.text)).toMatchObject({ error: 'invalid_grant' })
    await emulator.activate(agent)
    expect((await postJson(`${emulator.url}/oauth2/token`, request)).status).toBe(200)
  })

  it('announces an expired identity under its own type', async () => {
    const token = await emulator.mint({ agent })
    await emulator.expire(agent)
    expect(emulator.active(token)).toBe(false)
    expect(await list()).toMatchObject([{ signal_type: 'identity_expired', severity: 'high' }])
  })

  it('issues no token that outlives its identity', async () => {
    const expiresAt = Math.ceil(Date.now() / 1000 + 100) * 1000
    const bounded = await emulator.agent({ expiresAt })
    const { exp } = claimsOf(await emulator.mint({ agent: bounded })) as { exp: number }
    expect(exp).toBeLessThanOrEqual(expiresAt / 1000)
    emulator.clock.advance(200_000)
    await expect(emulator.mint({ agent: bounded })).rejects.toThrow('expired')
  })

  it('lists 50 signals when no limit is given, newest first', async () => {
    for (let count = 0; count < 60; count += 1) {
      await emulator.signal({ agent, severity: 'low', payload: { count } })
    }
    const counts = (signals: Signal[]) => signals.map(({ payload }) => payload?.count)
    expect(counts(await list())).toEqual(Array.from({ length: 50 }, (_, index) => 59 - index))
    expect(counts(await list('?limit=2'))).toEqual([59, 58])
    expect(await list('?limit=500')).toHaveLength(60)
  })

  it.each(['0', '501', 'many'])('refuses %s as a limit', async (limit) => {
    const headers = tenant()
    const answer = await call(`${emulator.url}/api/v1/signals?limit=${limit}`, { headers })
    expect(answer.status).toBe(422)
    expect(JSON.parse(answer.text).errors).toMatchObject([{ location: 'query.limit' }])
  })

  it('lists times in microseconds and ingests them in nanoseconds, never running back', async () => {
    const signals: Signal[] = []
    for (let count = 0; count < 20; count += 1) signals.push(await emulator.signal({ agent }))
    const made = signals.map(({ created_at }) => created_at.replace('Z', '').padEnd(29, '0'))
    expect(made).toEqual([...made].sort())
    expect(made.some((time) => /\.\d{6}\d*[1-9]/.test(time))).toBe(true)
    for (const { created_at } of await list()) expect(created_at).toMatch(/:\d\d(\.\d{1,6})?Z$/)
  })

  it('passes on a created_at word for word', async () => {
    await emulator.signal({ agent, createdAt: 'yesterday' })
    expect(await list()).toMatchObject([{ created_at: 'yesterday' }])
  })

  it('keeps 50 000 signals and still answers at once', { timeout: 30_000 }, async () => {
    for (let count = 0; count < 50_000; count += 1) {
      await emulator.signal({ agent, severity: 'low' })
    }
    const before = performance.now()
    expect(await list('?limit=500')).toHaveLength(500)
    expect(performance.now() - before).toBeLessThan(500)
  })
})
