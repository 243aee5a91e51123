import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClock, formatStamp } from '../../src/emulator/clock.ts'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/index.ts'
import { call, postForm, postJson, tenant } from './http.ts'

describe('the server', () => {
  let emulator: Emulator
  afterEach(() => emulator.close())

  async function start(options: EmulatorOptions = {}): Promise<void> {
    emulator = await startEmulator(options)
  }
  const verify = (token: string) =>
    call(`${emulator.url}/oauth2/token/verify`, { headers: { authorization: `Bearer ${token}` } })

  it('takes the time of every answer from its own clock', async () => {
    await start({ now: () => Date.parse('2030-01-02T03:04:05Z') })
    emulator.clock.advance(60_000)
    expect(emulator.clock.offset).toBe(60_000)
    for (const path of ['/ready', '/nowhere', '/oauth2/token/verify']) {
      const { headers } = await call(emulator.url + path)
      expect(headers.date).toBe('Wed, 02 Jan 2030 03:05:05 GMT')
    }
    emulator.faults.set('*', { status: 503 })
    const { headers } = await call(`${emulator.url}/ready`)
    expect(headers.date).toBe('Wed, 02 Jan 2030 03:05:05 GMT')
  })

  it('says nothing about its connections, as Go does', async () => {
    await start()
    const { headers } = await fetch(`${emulator.url}/ready`)
    expect([headers.get('connection'), headers.get('keep-alive')]).toEqual([null, null])
  })

  it('issues tokens in the name of a given issuer and names it in the challenge', async () => {
    await start({ issuer: 'https://id.example' })
    expect(emulator.issuer).toBe('https://id.example')
    const { headers } = await call(`${emulator.url}/oauth2/token/verify`)
    expect(headers['www-authenticate']).toContain('"https://id.example/.well-known/')
  })

  it('writes claim values into headers as raw UTF-8', async () => {
    await start()
    const agent = await emulator.agent({ owner: 'zoë–雪', name: 'naïve' })
    const token = await emulator.mint({ agent, grant: 'api_key' })
    const { status, headers } = await verify(token)
    expect(status).toBe(200)
    const utf8 = (value = '') => Buffer.from(value, 'latin1').toString('utf8')
    expect(utf8(headers['x-zeroid-act-sub'])).toBe('zoë–雪')
    expect(utf8(headers['x-zeroid-external-id'])).toBe('naïve')
  })

  it('sets no header for an empty claim', async () => {
    await start()
    const token = await emulator.mint({ claims: { trust_level: '', external_id: 7 } })
    const { headers } = await verify(token)
    expect(Object.keys(headers).filter((name) => name.startsWith('x-'))).toEqual([
      'x-forwarded-user',
      'x-zeroid-identity-type',
      'x-zeroid-account-id',
      'x-zeroid-project-id',
    ])
  })

  it('names the acting agent’s attributes for a delegated rfc8693 token', async () => {
    await start({ profile: 'rfc8693' })
    const to = await emulator.agent({ name: 'actor', trustLevel: 'unverified' })
    const token = await emulator.delegate(await emulator.mint({ principal: 'user_bob' }), { to })
    expect((await verify(token)).headers).toMatchObject({
      'x-forwarded-user': 'user_bob',
      'x-zeroid-act-sub': to.wimseUri,
      'x-zeroid-external-id': 'actor',
      'x-zeroid-trust-level': 'unverified',
    })
  })

  it('answers 405 with Allow to other methods and 404 to other paths', async () => {
    await start()
    const wrong = await call(`${emulator.url}/oauth2/token`, { method: 'DELETE' })
    expect(wrong).toMatchObject({ status: 405, headers: { allow: 'POST' } })
    expect(await call(`${emulator.url}/nowhere`)).toMatchObject({
      status: 404,
      text: '404 page not found\n',
    })
  })

  it('lets the configured and any registered client introspect when it is strict', async () => {
    await start({ introspectionClient: { id: 'gate:way', secret: 'p%ss:word' } })
    const token = await emulator.mint()
    const agent = await emulator.agent()
    const introspect = (id: string, secret: string) => {
      const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)
      const headers = { authorization: `Basic ${basic.toString('base64')}` }
      return postForm(`${emulator.url}/oauth2/token/introspect`, { token }, headers)
    }
    expect(await introspect('gate:way', 'p%ss:word')).toMatchObject({ status: 200 })
    expect(await introspect(agent.externalId, agent.clientSecret)).toMatchObject({ status: 200 })
    expect(await introspect('gate:way', 'guess')).toMatchObject({ status: 401 })
    const anonymous = await postForm(`${emulator.url}/oauth2/token/introspect`, { token })
    expect(anonymous.status).toBe(401)
    expect(JSON.parse(anonymous.text).error).toBe('invalid_client')
  })

  it('guards the admin API by its token or an administrator of the same tenant', async () => {
    await start({ adminToken: 'hunter2', adminPrefix: '/admin/v9' })
    const agent = await emulator.agent()
    const url = `${emulator.url}/admin/v9/identities/${agent.id}`
    const as = async (bearer?: string, headers = tenant()) => {
      const auth = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
      return (await call(url, { headers: { ...headers, ...auth } })).status
    }
    const scopes = ['nhi:manage']
    const stranger = await emulator.agent({ account: 'acct-x' })
    const manager = await emulator.mint({ agent, scopes })
    expect(await as()).toBe(401)
    expect(await as('guess')).toBe(401)
    expect(await as('hunter2')).toBe(200)
    expect(await as(await emulator.mint({ agent }))).toBe(401)
    expect(await as(manager)).toBe(200)
    expect(await as(await emulator.mint({ agent: stranger, scopes }))).toBe(401)
    await emulator.revoke(manager)
    expect(await as(manager)).toBe(401)
    const stream = await call(`${emulator.url}/admin/v9/signals/stream`, { headers: tenant() })
    expect(stream.status).toBe(401)
  })

  it('pages identities and agents, newest first', async () => {
    await start()
    const agents = []
    for (let count = 0; count < 5; count += 1) agents.push(await emulator.agent())
    const get = async (path: string) =>
      JSON.parse((await call(`${emulator.url}/api/v1${path}`, { headers: tenant() })).text)
    const ids = agents.map(({ id }) => id).reverse()
    const rows = (page: { id: string }[]) => page.map(({ id }) => id)
    expect(rows((await get('/identities')).identities)).toEqual(ids)
    const page = await get('/identities?limit=2&offset=3')
    expect(page).toMatchObject({ total: 5, limit: 2, offset: 3 })
    expect(rows(page.identities)).toEqual(ids.slice(3))
    expect(rows((await get('/agents/registry?limit=1')).agents)).toEqual(ids.slice(0, 1))
    const one = await get(`/agents/registry/${agents[0]!.id}`)
    expect(agents[0]!.apiKey.startsWith(one.api_key_prefix)).toBe(true)
  })

  it('registers no external id twice in a tenant', async () => {
    await start()
    const body = { external_id: 'x', name: 'x' }
    const register = (headers: Record<string, string>) =>
      postJson(`${emulator.url}/api/v1/identities`, body, headers)
    expect((await register(tenant())).status).toBe(201)
    expect((await register(tenant())).status).toBe(409)
    expect((await register(tenant('acct-x'))).status).toBe(201)
  })

  it('counts and logs requests by route', async () => {
    await start()
    const agent = await emulator.agent()
    const headers = tenant()
    await verify('x')
    await verify('y')
    await call(`${emulator.url}/api/v1/identities/${agent.id}`, { headers })
    await call(`${emulator.url}/api/v1/signals?limit=3`, { headers })
    const { requests } = emulator
    expect([requests.count('verify'), requests.count('identities')]).toEqual([2, 1])
    expect([requests.count('signals'), requests.count()]).toEqual([1, 4])
    expect(requests.log.at(-1)).toMatchObject({ path: '/api/v1/signals?limit=3', method: 'GET' })
    requests.reset()
    expect([requests.count(), requests.log]).toEqual([0, []])
  })

  it('stops and comes back on the same port with its state', async () => {
    await start()
    const token = await emulator.mint()
    await emulator.pause()
    await expect(verify(token)).rejects.toThrow('ECONNREFUSED')
    await emulator.resume()
    expect((await verify(token)).status).toBe(200)
  })

  it('destroys connections that are open when it stops', async () => {
    await start()
    const socket = connect(Number(new URL(emulator.url).port), '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await call(`${emulator.url}/ready`)
    await emulator.pause()
    await closed
  })

  describe('faults', () => {
    it('answer instead of the route, for their route, as often as told', async () => {
      await start()
      emulator.faults.set('jwks', {
        status: 503,
        body: 'down',
        contentType: 'text/html',
        headers: { 'retry-after': '7' },
        times: 2,
      })
      const jwks = () => call(`${emulator.url}/.well-known/jwks.json`)
      const broken = {
        status: 503,
        text: 'down',
        headers: { 'retry-after': '7', 'content-type': 'text/html' },
      }
      expect(await jwks()).toMatchObject(broken)
      expect((await call(`${emulator.url}/ready`)).status).toBe(200)
      expect(await jwks()).toMatchObject(broken)
      expect((await jwks()).status).toBe(200)
      expect(emulator.requests.count('jwks')).toBe(3)
    })

    it('apply everywhere under *, where a route has none of its own', async () => {
      await start()
      emulator.faults.set('*', { status: 500 })
      emulator.faults.set('health', { body: '"fine"' })
      expect((await verify('x')).status).toBe(500)
      expect(await call(`${emulator.url}/health`)).toMatchObject({ status: 200, text: '"fine"' })
      emulator.faults.clear('*')
      expect((await verify('x')).status).toBe(401)
      emulator.faults.clear()
      expect((await call(`${emulator.url}/ready`)).text).toContain('"ready":true')
    })

    it('reset the connection', async () => {
      await start()
      emulator.faults.set('verify', { reset: true })
      await expect(verify('x')).rejects.toMatchObject({ code: 'ECONNRESET' })
    })

    it('delay and then let the route answer', async () => {
      await start()
      emulator.faults.set('verify', { delay: 60 })
      const before = performance.now()
      expect((await verify('x')).status).toBe(401)
      expect(performance.now() - before).toBeGreaterThanOrEqual(59)
      const body = await postForm(`${emulator.url}/oauth2/token/introspect`, { token: 'x' })
      expect(body.status).toBe(200)
    })

    it('delay a request without losing its body', async () => {
      await start()
      const token = await emulator.mint()
      emulator.faults.set('introspect', { delay: 20 })
      const answer = await postForm(`${emulator.url}/oauth2/token/introspect`, { token })
      expect(JSON.parse(answer.text).active).toBe(true)
    })

    it('accept a request and never answer it', async () => {
      await start()
      emulator.faults.set('verify', { hang: true })
      const outgoing = request(`${emulator.url}/oauth2/token/verify`, { agent: false })
      const answered = vi.fn()
      outgoing.on('response', answered)
      const failed = new Promise((resolve) => outgoing.on('error', resolve))
      outgoing.end()
      await vi.waitFor(() => expect(emulator.requests.count('verify')).toBe(1))
      expect((await call(`${emulator.url}/ready`)).status).toBe(200)
      expect(answered).not.toHaveBeenCalled()
      await emulator.pause()
      await failed
    })

    it('send a body that has no end until the client leaves', async () => {
      await start()
      let sent = 0
      let ended = false
      async function* endless() {
        try {
          for (;;) {
            sent += 1
            yield 'x'.repeat(10_000)
          }
        } finally {
          ended = true
        }
      }
      emulator.faults.set('introspect', { body: endless() })
      const outgoing = request(`${emulator.url}/oauth2/token/introspect`, {
        method: 'POST',
        agent: false,
      })
      outgoing.on('error', () => {})
      outgoing.on('response', (incoming) => {
        incoming.once('data', () => outgoing.destroy())
      })
      outgoing.end('token=x')
      await vi.waitFor(() => expect(ended).toBe(true))
      expect(sent).toBeGreaterThan(0)
    })
  })

  it('refuses a port that is taken', async () => {
    await start()
    const port = Number(new URL(emulator.url).port)
    await expect(startEmulator({ port })).rejects.toThrow('EADDRINUSE')
  })
})

describe('formatStamp', () => {
  it.each([
    [{ ms: 1_795_324_190_322, ns: 352_260 }, 9, '2026-11-22T05:09:50.32235226Z'],
    [{ ms: 1_795_324_190_322, ns: 352_260 }, 6, '2026-11-22T05:09:50.322352Z'],
    [{ ms: 1_795_324_190_740, ns: 67_567 }, 6, '2026-11-22T05:09:50.740067Z'],
    [{ ms: 1_795_324_190_000, ns: 0 }, 9, '2026-11-22T05:09:50Z'],
    [{ ms: 1_795_324_190_779, ns: 710_000 }, 6, '2026-11-22T05:09:50.77971Z'],
  ] as const)('writes %j with %i digits as %s', (stamp, digits, text) => {
    expect(formatStamp(stamp, digits)).toBe(text)
  })
})

describe('createClock', () => {
  it('stamps rows of one millisecond in their order', () => {
    const { stamp } = createClock(() => 1_795_324_190_322)
    const made = Array.from({ length: 50 }, () => stamp().ns)
    expect(made).toEqual([...new Set(made)].sort((a, b) => a - b))
  })
})
