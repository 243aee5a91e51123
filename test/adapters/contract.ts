import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { ZeroidOptions } from '../../src/adapters/options.ts'
import type { Emulator, MintOptions } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import { identityHeaderNames, identityHeaders } from '../../src/http/identity-headers.ts'
import type { Observer } from '../../src/observe/observer.ts'
import type { RawAnswer } from '../helpers/raw.ts'
import { exchange, headerIn } from '../helpers/raw.ts'
import type { Stack } from '../helpers/stack.ts'
import { bearer, openDoor } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'
import type { App, Framework, Plan, Who } from './app.ts'
import { rulesContract } from './rules-contract.ts'
import { openStream } from './stream.ts'
import { tableContract } from './table-contract.ts'

/** A framework's app beside a real door, both with the same gate. */
interface Site extends Stack {
  readonly app: App
  readonly get: (path: string, token?: string, init?: RequestInit) => Promise<Response>
  readonly who: (token?: string, headers?: Record<string, string>) => Promise<Who>
  /** An agent's fresh token. */
  readonly mint: (options?: MintOptions) => Promise<string>
}

/** What both must have in common, whatever else a framework adds. */
const compared = [
  'www-authenticate',
  'content-type',
  'content-length',
  'cache-control',
  'x-content-type-options',
  'retry-after',
]

/** The facts that hold in every framework. */
export function contract(framework: Framework): void {
  rulesContract(framework)
  tableContract(framework)

  // One server for all: its RSA key costs more than everything else that a fact needs.
  let zeroid: Emulator
  beforeAll(async () => {
    zeroid = await startEmulator()
  })
  afterAll(() => zeroid.close())

  const startStack = async (options: Partial<GateOptions> = {}): Promise<Stack> => {
    onTestFinished(async () => {
      zeroid.faults.clear()
      await zeroid.resume()
    })
    const door = await openDoor({ url: zeroid.url, ...options })
    return { ...door, zeroid, check: async (token) => await door.gate.check(bearer(token)) }
  }

  const site = async (
    plan: Partial<Plan> & { gate?: Partial<GateOptions>; adapter?: object } = {},
  ): Promise<Site> => {
    const stack = await startStack(plan.gate)
    const options = { gate: stack.gate, ...plan.adapter } as ZeroidOptions
    const app = await framework.start({ options, ...plan })
    const get: Site['get'] = (path, token, init = {}) => {
      const headers = new Headers(init.headers)
      if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
      return fetch(app.url + path, { ...init, headers })
    }
    return {
      ...stack,
      app,
      get,
      mint: (options) => stack.zeroid.mint(options),
      who: async (token, headers = {}) =>
        (await (await get('/who', token, { headers })).json()) as Who,
    }
  }

  /** Asks app and door the same, and compares everything that is promised. */
  async function sameAsDoor(
    { app, url }: Site,
    headers: Record<string, string>,
    path = '/who',
  ): Promise<Response> {
    const [ours, theirs] = await Promise.all([
      fetch(app.url + path, { headers }),
      fetch(`${url}/oauth2/token/verify`, { headers }),
    ])
    const gist = async (answer: Response): Promise<unknown> => ({
      status: answer.status,
      headers: Object.fromEntries(compared.map((name) => [name, answer.headers.get(name)])),
      body: await answer.clone().text(),
    })
    expect(await gist(ours)).toEqual(await gist(theirs))
    return ours
  }

  const raw = (site: Site, lines: readonly string[], answers = 1): Promise<RawAnswer[]> =>
    exchange(site.app.url, `${lines.join('\r\n')}\r\n\r\n`, answers)

  describe(`${framework.name}: refusals are the door's`, () => {
    const expired = (): MintOptions => ({ iat: Math.floor(Date.now() / 1000) - 7_200, ttl: 3_600 })
    const cases: Record<string, (site: Site) => Promise<Record<string, string>>> = {
      'no token': async () => ({}),
      'an empty Authorization': async () => ({ authorization: '' }),
      'Basic credentials': async () => ({ authorization: 'Basic dTpw' }),
      'an unknown scheme': async () => ({ authorization: 'Token abc' }),
      'a bare token': async ({ mint }) => ({ authorization: await mint() }),
      'a scheme without a token': async () => ({ authorization: 'Bearer' }),
      'a trailing word': async ({ mint }) => ({ authorization: `Bearer ${await mint()} x` }),
      'a comma list': async ({ mint }) => ({ authorization: `Bearer ${await mint()}, Bearer x` }),
      'a quoted token': async ({ mint }) => ({ authorization: `Bearer "${await mint()}"` }),
      'something that is no token': async () => ({ authorization: 'Bearer x.y.z' }),
      'an API key as a token': async ({ zeroid }) => ({
        authorization: `Bearer ${(await zeroid.agent()).apiKey}`,
      }),
      'a spoilt signature': async ({ mint }) => ({
        authorization: `Bearer ${spoil(await mint())}`,
      }),
      'an expired token': async ({ mint }) => ({
        authorization: `Bearer ${await mint(expired())}`,
      }),
      'a token from the future': async ({ mint }) => ({
        authorization: `Bearer ${await mint({ iat: Math.floor(Date.now() / 1000) + 600 })}`,
      }),
      'a foreign issuer': async ({ mint }) => ({
        authorization: `Bearer ${await mint({ claims: { iss: 'http://elsewhere' } })}`,
      }),
      'a proof token': async ({ zeroid }) => ({
        authorization: `Bearer ${await zeroid.proofToken(await zeroid.agent())}`,
      }),
      'a subject with a line break': async ({ mint }) => ({
        authorization: `Bearer ${await mint({ claims: { sub: 'a\r\nb' } })}`,
      }),
      'a token in the wrong header': async ({ mint }) => ({
        'x-authorization': `Bearer ${await mint()}`,
      }),
      'a token in a cookie': async ({ mint }) => ({ cookie: `access_token=${await mint()}` }),
      'a token revoked in silence': async ({ zeroid, mint }) => {
        const token = await mint()
        await zeroid.revoke(token)
        return { authorization: `Bearer ${token}` }
      },
    }
    for (const [title, headersOf] of Object.entries(cases)) {
      test(`refuses ${title}`, async () => {
        const here = await site()
        const answer = await sameAsDoor(here, await headersOf(here))
        expect(answer.status).toBe(401)
        expect(here.app.ran).toEqual([])
      })
    }

    test('refuses a token whose agent a signal revoked', async () => {
      const here = await site()
      const agent = await here.zeroid.agent()
      const token = await here.mint({ agent })
      expect((await here.get('/who', token)).status).toBe(200)
      await here.zeroid.signal({ agent })
      await until(async () => (await here.get('/who', token)).status === 401)
      await sameAsDoor(here, { authorization: `Bearer ${token}` })
    })

    test('refuses a sub-agent whose parent a signal revoked', async () => {
      const here = await site()
      const agent = await here.zeroid.agent()
      const child = await here.zeroid.delegate(await here.mint({ agent }))
      expect((await here.get('/who', child)).status).toBe(200)
      await here.zeroid.signal({ agent })
      await until(async () => (await here.get('/who', child)).status === 401)
      await sameAsDoor(here, { authorization: `Bearer ${child}` })
    })

    test('refuses another audience', async () => {
      const here = await site({ gate: { audience: ['https://mine'] } })
      await sameAsDoor(here, { authorization: `Bearer ${await here.mint()}` })
      const mine = await here.mint({ audience: 'https://mine' })
      expect((await here.get('/who', mine)).status).toBe(200)
    })

    test('refuses a tenant that is not let in', async () => {
      const here = await site({ gate: { tenants: [{ accountId: 'a', projectId: 'p' }] } })
      const answer = await sameAsDoor(here, { authorization: `Bearer ${await here.mint()}` })
      expect(answer.status).toBe(401)
    })

    test('answers 503 while nobody can tell, never 401', async () => {
      const here = await site({ gate: { signals: false } })
      const token = await here.mint()
      await here.zeroid.pause()
      const answer = await sameAsDoor(here, { authorization: `Bearer ${token}` })
      expect(answer.status).toBe(503)
      expect(here.app.ran).toEqual([])
    })

    test('reads no token from the query', async () => {
      const here = await site()
      const query = `?access_token=${await here.mint()}`
      expect((await sameAsDoor(here, {}, `/who${query}`)).status).toBe(401)
    })

    test.each([['two tokens'], ['the same token twice']])('refuses %s', async (title) => {
      const here = await site()
      const token = await here.mint()
      const second = title === 'two tokens' ? await here.mint() : token
      const lines = [
        'Host: x',
        'Connection: close',
        `Authorization: Bearer ${token}`,
        `Authorization: Bearer ${second}`,
      ]
      const [ours] = await raw(here, ['GET /who HTTP/1.1', ...lines])
      const path = '/oauth2/token/verify'
      const [theirs] = await exchange(
        here.url,
        [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'),
        1,
      )
      expect([ours?.status, `${ours?.body}`]).toEqual([theirs?.status, `${theirs?.body}`])
      expect(headerIn(ours, 'WWW-Authenticate')).toBe(headerIn(theirs, 'WWW-Authenticate'))
      expect(here.app.ran).toEqual([])
    })

    test('names no token in an answer', async () => {
      const here = await site()
      const token = spoil(await here.mint())
      const answer = await here.get('/who', token)
      const text = JSON.stringify([...answer.headers]) + (await answer.text())
      expect(text).not.toContain(token.slice(0, 20))
    })
  })

  describe(`${framework.name}: who is let in`, () => {
    const tokens: Record<string, (site: Site) => Promise<string>> = {
      'an agent of its own': ({ mint }) => mint(),
      'a sub-agent': async ({ mint, zeroid }) => zeroid.delegate(await mint()),
      'a sub-agent of a sub-agent': async ({ mint, zeroid }) =>
        zeroid.delegate(await zeroid.delegate(await mint())),
      'an API key': ({ mint }) => mint({ grant: 'api_key' }),
      'an agent that acts for a user': ({ mint }) => mint({ principal: 'user_42' }),
      'an rfc8693 workload': ({ mint }) => mint({ profile: 'rfc8693' }),
      'an agent with a name outside of ASCII': async ({ mint, zeroid }) =>
        mint({ agent: await zeroid.agent({ name: 'čokoláda-\u{1f36b}' }) }),
    }
    for (const [title, tokenOf] of Object.entries(tokens)) {
      test(`tells of ${title} what the door's headers tell`, async () => {
        const here = await site()
        const token = await tokenOf(here)
        const who = await here.who(token)
        const { claims } = who
        const door = await here.present(token)
        const said = (name: string): string | undefined => {
          const value = door.headers.get(name)
          return value === null ? undefined : Buffer.from(value, 'latin1').toString()
        }
        expect({
          'X-Forwarded-User': who.subject,
          'X-Zeroid-Identity-Type': who.identityType,
          'X-Zeroid-Trust-Level': who.trustLevel,
          'X-Zeroid-External-ID': who.externalId,
          'X-Zeroid-Scopes': who.scopes.join(' ') || undefined,
          'X-Zeroid-Actor': who.currentActor.subject,
          'X-Zeroid-Delegation-Depth': String(who.delegationDepth),
          'X-Zeroid-Owner': who.owner,
        }).toEqual(
          Object.fromEntries(
            [
              'X-Forwarded-User',
              ...['Identity-Type', 'Trust-Level', 'External-ID', 'Scopes', 'Actor'].map(
                (name) => `X-Zeroid-${name}`,
              ),
              ...['Delegation-Depth', 'Owner'].map((name) => `X-Zeroid-${name}`),
            ].map((name) => [name, said(name)]),
          ),
        )
        const expected = Object.fromEntries(
          identityHeaderNames.map((name) => [name, door.headers.get(name)]),
        )
        const ours = identityHeaders(claims, false)
        const told = new Headers(
          ours.flatMap((name, i) => (i % 2 ? [] : [[name, ours[i + 1]!]])) as never,
        )
        expect(
          Object.fromEntries(identityHeaderNames.map((name) => [name, told.get(name)])),
        ).toEqual(expected)
      })
    }

    test.each(['bearer', 'BEARER', 'Bearer  '])('takes the scheme written %j', async (scheme) => {
      const here = await site()
      const headers = { authorization: `${scheme} ${await here.mint()}` }
      expect((await fetch(`${here.app.url}/who`, { headers })).status).toBe(200)
    })

    test('tells the owner and the subject', async () => {
      const here = await site()
      const agent = await here.zeroid.agent({ owner: 'user_7' })
      const who = await here.who(await here.mint({ agent }))
      expect([who.subject, who.owner]).toEqual([agent.wimseUri, 'user_7'])
    })

    test('tells an agent of its own from a delegated one', async () => {
      const here = await site()
      const parent = await here.zeroid.agent()
      const token = await here.mint({ agent: parent })
      const child = await here.who(await here.zeroid.delegate(token))
      expect((await here.who(token)).isDelegated).toBe(false)
      expect(child.isDelegated).toBe(true)
      expect(child.priorActors.map(({ subject }) => subject)).toEqual([parent.wimseUri])
      expect(child.currentActor.subject).toBe(child.subject)
    })

    test('takes the creator of an API key for no delegation and no user who acts', async () => {
      const here = await site()
      const who = await here.who(await here.mint({ grant: 'api_key' }))
      expect([who.isDelegated, who.priorActors, who.human]).toEqual([false, [], null])
    })

    test('tells under rfc8693 the user from the agent that acts', async () => {
      const here = await site()
      const agent = await here.zeroid.agent({ trustLevel: 'unverified' })
      const who = await here.who(await here.mint({ agent, principal: 'user_42' }))
      expect([who.subject, who.human, who.isDelegated]).toEqual(['user_42', 'user_42', true])
      expect(who.currentActor).toMatchObject({ subject: agent.wimseUri, trustLevel: 'unverified' })
      expect(who.priorActors).toEqual([])
    })

    test('tells under rfc8693 everybody who acted before', async () => {
      const here = await site()
      const first = await here.zeroid.agent()
      const second = await here.zeroid.agent()
      const token = await here.mint({ agent: first, principal: 'user_42' })
      const who = await here.who(await here.zeroid.delegate(token, { to: second }))
      expect(who.currentActor.subject).toBe(second.wimseUri)
      expect(who.priorActors.map(({ subject }) => subject)).toEqual([first.wimseUri])
      expect(who.human).toBe('user_42')
    })

    test('answers as the framework does, with what the handler said', async () => {
      const here = await site()
      const answer = await here.get('/who', await here.mint())
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
      expect(here.app.ran).toEqual(['middleware', 'who'])
    })

    test('tells a hundred concurrent requests apart', async () => {
      const here = await site()
      const agents = await Promise.all(Array.from({ length: 10 }, () => here.zeroid.agent()))
      const minted = await Promise.all(agents.map(async (agent) => await here.mint({ agent })))
      const asked = Array.from({ length: 100 }, (_, i) => i % 10)
      const answers = await Promise.all(asked.map((i) => here.who(minted[i])))
      expect(answers.map(({ subject }) => subject)).toEqual(asked.map((i) => agents[i]?.wimseUri))
    })

    test('gives handlers lists that they cannot change for others', async () => {
      const here = await site()
      const verdict = await here.check(await here.mint())
      if (verdict.outcome !== 'allow') throw new Error('refused')
      const { scopes, actors, tools } = verdict.identity
      expect([scopes, actors, tools, verdict.identity].every(Object.isFrozen)).toBe(true)
    })
  })

  describe(`${framework.name}: nothing runs after a refusal`, () => {
    test('neither a handler nor what stands before it', async () => {
      const here = await site()
      await here.get('/who')
      await here.get('/who', 'a.b.c')
      expect(here.app.ran).toEqual([])
    })

    test('a path that nobody serves is refused like any other', async () => {
      const here = await site()
      expect((await here.get('/nowhere')).status).toBe(401)
      expect((await here.get('/nowhere', await here.mint())).status).toBe(404)
    })

    test('a body is not read', async () => {
      const here = await site()
      const init = { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }
      expect((await here.get('/echo', undefined, init)).status).toBe(401)
      expect(here.app.ran).toEqual([])
      // Whoever does read it says so.
      expect((await here.get('/json', await here.mint(), init)).status).toBe(400)
    })

    test('a body is not waited for', async () => {
      const here = await site()
      const post = ['POST /json HTTP/1.1', 'Host: x', 'Content-Type: application/json']
      const [answer] = await raw(here, [...post, 'Content-Length: 1000'])
      expect(answer?.status).toBe(401)
    })

    test('a handler does not run when its guard refuses', async () => {
      const here = await site()
      expect((await here.get('/scope', await here.mint())).status).toBe(403)
      expect(here.app.ran).toEqual(['middleware'])
    })
  })

  describe(`${framework.name}: reserved headers`, () => {
    const spellings = identityHeaderNames.flatMap((name) => [
      name,
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.toLowerCase().replaceAll('-', '.'),
      name.replace('-', '_'),
    ])
    const spoofed = Object.fromEntries(spellings.map((name) => [name, 'spoofed']))
    let counted: number[]
    let observer: Observer
    beforeEach(() => {
      counted = []
      observer = { reservedHeader: (count) => void counted.push(count) }
    })

    test('reach no handler in any spelling', async () => {
      const here = await site()
      const lines = Object.keys(spoofed).map((name) => `${name}: spoofed`)
      const token = `Authorization: Bearer ${await here.mint()}`
      const [answer] = await raw(here, ['GET /who HTTP/1.1', 'Host: x', token, ...lines])
      const { names } = JSON.parse(`${answer?.body}`) as Who
      const kept = names.filter((name) => /^x[-_.](zeroid|forwarded)/.test(name))
      expect(kept).toEqual([])
    })

    test('do not change who the caller is', async () => {
      const here = await site()
      const token = await here.mint()
      const honest = await here.who(token)
      expect((await here.who(token, { 'X-Forwarded-User': 'admin' })).claims).toEqual(honest.claims)
    })

    test('are counted, each of them', async () => {
      const here = await site({ gate: { observer } })
      await here.who(await here.mint(), { 'X-Forwarded-User': 'a', X_Zeroid_Actor: 'b' })
      expect(counted).toEqual([2])
    })

    test('are counted on refusals too', async () => {
      const here = await site({ gate: { observer } })
      await here.get('/who', undefined, { headers: { 'x.zeroid.owner': 'me' } })
      expect(counted).toEqual([1])
    })

    test('are not missed where there are none', async () => {
      const here = await site({ gate: { observer } })
      await here.who(await here.mint(), {
        'X-Zeroid': 'a',
        'X-Forwarded-For': 'b',
        XZeroidActor: 'c',
      })
      expect(counted).toEqual([])
    })

    test('go while their neighbours stay', async () => {
      const here = await site()
      const headers = { 'x-request-id': '1', 'x-zeroid-actor': 'a', 'x-forwarded-for': 'b' }
      const { names } = await here.who(await here.mint(), headers)
      expect(names).toEqual(expect.arrayContaining(['x-request-id', 'x-forwarded-for']))
      expect(names).not.toContain('x-zeroid-actor')
    })

    test('go when they come twice', async () => {
      const here = await site({ gate: { observer } })
      const token = `Authorization: Bearer ${await here.mint()}`
      const lines = ['X-Zeroid-Actor: a', 'x-zeroid-actor: b', 'X-Zeroid-Actor: c']
      const [answer] = await raw(here, ['GET /who HTTP/1.1', 'Host: x', token, ...lines])
      expect(`${answer?.body}`.toLowerCase()).not.toContain('"x-zeroid')
      expect(counted).toEqual([3])
    })

    test('go beside a header that is called like an object', async () => {
      const here = await site()
      const token = `Authorization: Bearer ${await here.mint()}`
      const lines = ['__proto__: a', 'X-Zeroid-Actor: b', 'constructor: c']
      const [answer] = await raw(here, ['GET /who HTTP/1.1', 'Host: x', token, ...lines])
      expect(answer?.status).toBe(200)
      expect(`${answer?.body}`.toLowerCase()).not.toContain('"x-zeroid')
    })

    test('go where an anonymous request may pass', async () => {
      const here = await site({ adapter: { optional: true } })
      const { anonymous, names } = await here.who(undefined, { X_Forwarded_User: 'admin' })
      expect([anonymous, names.includes('x_forwarded_user')]).toEqual([true, false])
    })

    test('go from the trailers of a body', async () => {
      const here = await site({ gate: { observer } })
      const lines = [
        'PUT /trailers HTTP/1.1',
        'Host: x',
        `Authorization: Bearer ${await here.mint()}`,
        'Content-Type: text/plain',
        'Transfer-Encoding: chunked',
        'Trailer: X-Zeroid-Actor, X-Checksum',
        '',
        '2',
        'ab',
        '0',
        'X-Zeroid-Actor: admin',
        'X_Zeroid_Owner: admin',
        'X-Checksum: 1',
      ]
      const [answer] = await raw(here, lines)
      expect(answer?.status).toBe(200)
      const names = here.app.trailers.map((name) => name.toLowerCase())
      expect(names).toContain('x-checksum')
      expect(names.filter((name) => name.startsWith('x-zeroid') || name.startsWith('x_'))).toEqual(
        [],
      )
      expect(counted).toEqual([2])
    })

    test('that `Connection` lists change nothing', async () => {
      const here = await site()
      const token = `Authorization: Bearer ${await here.mint()}`
      const connection = 'Connection: X-Forwarded-User, X-Zeroid-Actor, Authorization'
      const [answer] = await raw(here, ['GET /who HTTP/1.1', 'Host: x', connection, token])
      expect(answer?.status).toBe(200)
    })
  })

  describe(`${framework.name}: HTTP`, () => {
    test('HEAD is refused with the headers of GET and no body', async () => {
      const here = await site()
      const [head, get] = [
        await here.get('/who', undefined, { method: 'HEAD' }),
        await here.get('/who'),
      ]
      expect([head.status, await head.text()]).toEqual([401, ''])
      expect(head.headers.get('www-authenticate')).toBe(get.headers.get('www-authenticate'))
    })

    test('HEAD passes with a token', async () => {
      const here = await site()
      const answer = await here.get('/who', await here.mint(), { method: 'HEAD' })
      expect([answer.status, await answer.text()]).toEqual([200, ''])
    })

    test.each(['OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])(
      '%s without a token is refused',
      async (method) => {
        const here = await site()
        const [answer] = await raw(here, [
          `${method} /who HTTP/1.1`,
          'Host: x',
          'Content-Length: 0',
        ])
        // A framework may refuse a method that it does not know; it is never let in.
        expect([401, 404, 405]).toContain(answer?.status)
        expect(here.app.ran).toEqual([])
      },
    )

    test('OPTIONS with a token reaches its handler', async () => {
      const here = await site()
      const answer = await here.get('/who', await here.mint(), { method: 'OPTIONS' })
      expect([answer.status, await answer.text()]).toEqual([200, 'options'])
    })

    test('a body reaches its handler, also where the server had to be asked', async () => {
      const here = await site({ gate: { mode: 'live' } })
      const body = 'x'.repeat(20_000)
      const init = { method: 'POST', body, headers: { 'content-type': 'text/plain' } }
      const answer = await here.get('/echo', await here.mint(), init)
      expect(await answer.text()).toBe(body)
    })

    test('one connection serves two agents in turn, each as itself', async () => {
      const here = await site()
      const tokens = [await here.mint(), await here.mint()]
      const requests = [0, 1, 0, 1].map((i) => request('/who', tokens[i]))
      const answers: Who[] = []
      const socket = keepOpen(here.app.url)
      for (const each of requests) answers.push(JSON.parse(`${(await socket(each)).body}`))
      const subjects = answers.map(({ subject }) => subject)
      expect(subjects).toEqual([subjects[0], subjects[1], subjects[0], subjects[1]])
      expect(new Set(subjects).size).toBe(2)
    })

    test('a refused body does not end in the next request', async () => {
      const here = await site()
      const smuggled = request('/who', 'x').replaceAll('\r\n', '\n')
      const post = ['POST /echo HTTP/1.1', 'Host: x', 'Content-Type: text/plain']
      const refused = [...post, `Content-Length: ${smuggled.length}`, '', smuggled].join('\r\n')
      const answers = await exchange(here.app.url, refused + request('/who', await here.mint()), 2)
      expect(answers.map(({ status }) => status)).toEqual([401, 200])
    })

    test('pipelined requests are answered in order, each for itself', async () => {
      const here = await site()
      const [one, two] = [await here.mint(), await here.mint()]
      const bytes = [one, 'bad.bad.bad', two, undefined, one].map((it) => request('/who', it))
      const answers = await exchange(here.app.url, bytes.join(''), 5)
      expect(answers.map(({ status }) => status)).toEqual([200, 401, 200, 401, 200])
      const subjects = [0, 2, 4].map((i) => JSON.parse(`${answers[i]?.body}`).subject)
      expect([subjects[0] === subjects[2], subjects[0] === subjects[1]]).toEqual([true, false])
    })

    test('a client that leaves while the server is asked harms nobody', async () => {
      const here = await site({ gate: { mode: 'live' } })
      const token = await here.mint()
      here.zeroid.faults.set('introspect', { delay: 200 })
      const sockets = Array.from({ length: 5 }, () =>
        connect(Number(new URL(here.app.url).port), '127.0.0.1'),
      )
      for (const socket of sockets) socket.write(request('/who', token))
      await until(() => here.zeroid.requests.count('introspect') > 0)
      for (const socket of sockets) socket.destroy()
      here.zeroid.faults.clear()
      await until(async () => (await here.get('/who', token)).status === 200)
    })

    test('HTTP/1.0 is served', async () => {
      const here = await site()
      const token = `Authorization: Bearer ${await here.mint()}`
      const [good] = await raw(here, ['GET /who HTTP/1.0', 'Host: x', token])
      const [bad] = await raw(here, ['GET /who HTTP/1.0', 'Host: x'])
      expect([good?.status, bad?.status]).toEqual([200, 401])
    })
  })

  describe(`${framework.name}: errors are whose they are`, () => {
    test.each(['/throw', '/reject'])('what the handler of %s throws is its own', async (path) => {
      const here = await site()
      const token = await here.mint()
      for (const warmth of ['first sight', 'warm']) {
        const answer = await here.get(path, token)
        expect([warmth, answer.status]).toEqual([warmth, 500])
        expect(await answer.json()).toEqual({ error: 'mine' })
      }
    })

    test('a `require…` of the identity throws an error with code and status', async () => {
      const here = await site()
      const answer = await here.get('/require', await here.mint())
      expect(answer.status).toBe(403)
      expect(await answer.json()).toMatchObject({ code: 'insufficient_scope' })
    })

    test('a guard without the middleware lets nobody through', async () => {
      const here = await site({ options: undefined })
      for (const path of ['/scope', '/trust', '/tool', '/type', '/depth']) {
        const answer = await here.get(path, await here.mint({ scopes: ['tools:execute'] }))
        expect([path, answer.status]).toEqual([path, 500])
        expect((await answer.json()).error).toMatch(/needs zeroid\(\) to run before it/)
      }
      expect(here.app.ran.filter((name) => name !== 'middleware')).toEqual([])
    })

    test('an identity is not to be had without the middleware', async () => {
      const here = await site({ options: undefined })
      expect((await here.get('/require', await here.mint())).status).toBe(500)
    })

    test.each<[string, object]>([
      ['maxStalenes', { url: 'http://127.0.0.1:9', maxStalenes: 1 }],
      ['optional', { url: 'http://127.0.0.1:9', optional: 'yes' }],
      ['resourceMetadata', { url: 'http://127.0.0.1:9', resourceMetadata: 'a"b' }],
      ['url', {}],
      ['url', { optional: true }],
      ['gate', { gate: {} }],
      ['gate', { gate: null }],
      ...['policyFile', 'listen', 'adminListen', 'dialect', 'emptyHeaders', 'logLevel'].map(
        (name): [string, object] => [name, { url: 'http://127.0.0.1:9', [name]: 'x' }],
      ),
    ])('a wrong "%s" option stops the start and is named', (name, options) => {
      expect(() => framework.zeroid(options as never)).toThrow(TypeError)
      expect(() => framework.zeroid(options as never)).toThrow(name)
    })

    test('an option of the gate beside a gate stops the start', async () => {
      const { gate } = await startStack()
      expect(() => framework.zeroid({ gate, mode: 'live' } as never)).toThrow(
        '"mode" option belongs to the gate, which is given',
      )
    })

    test('an option that nobody knows stops the start beside a gate too', async () => {
      const { gate } = await startStack()
      expect(() => framework.zeroid({ gate, optinal: true } as never)).toThrow(
        '"optinal" is no option of the gate',
      )
    })

    test('a policy file by the name of the setting is not passed over', async () => {
      const { gate, zeroid } = await startStack()
      for (const options of [{ gate }, { url: zeroid.url }]) {
        expect(() => framework.zeroid({ ...options, policyFile: 'x.yaml' } as never)).toThrow(
          '"policyFile" is no option of the gate: "policy" of the middleware takes',
        )
      }
    })

    test('rules that cannot be used leave no gate behind', async () => {
      const server = await startEmulator()
      onTestFinished(() => server.close())
      for (const policy of [{ version: 2, routes: [] }, '/no/such/policy.yaml']) {
        expect(() => framework.zeroid({ url: server.url, policy } as never)).toThrow()
      }
      // One that is begun later asks for the keys, and it is the only one that does.
      await (await openDoor({ url: server.url })).gate.started
      expect(server.requests.count('jwks')).toBe(1)
    })
  })

  describe(`${framework.name}: guards`, () => {
    const challengeOf = (answer: Response): string | null => answer.headers.get('www-authenticate')

    test('refuse a missing scope with 403 and the scope that is asked for', async () => {
      const here = await site()
      const answer = await here.get('/scope', await here.mint())
      expect(answer.status).toBe(403)
      expect(challengeOf(answer)).toBe(
        `Bearer error="insufficient_scope", scope="tools:execute", resource_metadata="${here.zeroid.url}/.well-known/oauth-protected-resource"`,
      )
      expect(await answer.text()).toBe('{"error":"insufficient_scope"}\n')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    })

    test('let a granted scope through', async () => {
      const here = await site()
      const token = await here.mint({ scopes: ['tools:execute'] })
      expect(await (await here.get('/scope', token)).text()).toBe('scope')
    })

    test('ask for every scope that they name, and name those that are missing', async () => {
      const here = await site()
      const one = await here.get('/scopes', await here.mint({ scopes: ['tools:execute'] }))
      expect(challengeOf(one)).toContain('scope="data:read"')
      const both = await here.mint({ scopes: ['tools:execute', 'data:read'] })
      expect((await here.get('/scopes', both)).status).toBe(200)
    })

    test.each([
      ['first_party', 200],
      ['verified_third_party', 200],
      ['unverified', 403],
      ['something_new', 403],
      ['First_Party', 403],
      [undefined, 403],
    ])('take the trust level %j for what it is', async (level, status) => {
      const here = await site()
      const token = await here.mint({ claims: { trust_level: level } })
      const answer = await here.get('/trust', token)
      expect(answer.status).toBe(status)
      if (status === 403) expect(challengeOf(answer)).not.toContain('scope="')
    })

    test('judge the trust of the party that acts, not of the user', async () => {
      const here = await site()
      const agent = await here.zeroid.agent({ trustLevel: 'unverified' })
      const token = await here.mint({
        agent,
        principal: 'u',
        claims: { trust_level: 'first_party' },
      })
      expect((await here.get('/trust', token)).status).toBe(403)
    })

    test.each<[unknown, number]>([
      [['search'], 200],
      [['other', 'search'], 200],
      [['other'], 403],
      [[], 403],
      ['search', 403],
      [{ search: true }, 403],
      [['search', 7], 403],
      [undefined, 403],
    ])('take allowed_tools %j for what it is', async (tools, status) => {
      const here = await site()
      const token = await here.mint({ claims: { allowed_tools: tools } })
      expect((await here.get('/tool', token)).status).toBe(status)
    })

    test.each([
      ['agent', 200],
      ['service', 200],
      ['application', 403],
    ])('take the identity type %s for what it is', async (identityType, status) => {
      const here = await site()
      const agent = await here.zeroid.agent({ identityType })
      expect((await here.get('/type', await here.mint({ agent }))).status).toBe(status)
    })

    test('refuse a longer chain of delegation', async () => {
      const here = await site()
      const root = await here.mint()
      const child = await here.zeroid.delegate(root)
      const grandchild = await here.zeroid.delegate(child)
      const statuses = await Promise.all(
        [root, child, grandchild].map(async (it) => (await here.get('/depth', it)).status),
      )
      expect(statuses).toEqual([200, 200, 403])
    })

    test('answer the anonymous 401, not 403', async () => {
      const here = await site({ adapter: { optional: true } })
      const answer = await here.get('/scope')
      expect([answer.status, await answer.text()]).toEqual([401, '{"error":"missing_token"}\n'])
    })

    test('cannot be made of nothing', () => {
      const { guards } = framework
      expect(() => guards.requireScope()).toThrow(TypeError)
      expect(() => guards.requireScope('' as never)).toThrow(TypeError)
      expect(() => guards.requireScope('a b' as never)).toThrow(TypeError)
      expect(() => guards.requireScope('a"b' as never)).toThrow(TypeError)
      expect(() => guards.requireTrust('trusted' as never)).toThrow(TypeError)
      expect(() => guards.requireTool('' as never)).toThrow(TypeError)
      expect(() => guards.requireIdentityType()).toThrow(TypeError)
      expect(() => guards.requireDelegation({ max: -1 } as never)).toThrow(TypeError)
      expect(() => guards.requireDelegation(undefined as never)).toThrow(TypeError)
    })
  })

  describe(`${framework.name}: optional`, () => {
    test('lets a request without a token pass, as nobody', async () => {
      const here = await site({ adapter: { optional: true } })
      expect((await here.who()).anonymous).toBe(true)
    })

    test('tells who it is where there is a token', async () => {
      const here = await site({ adapter: { optional: true } })
      const agent = await here.zeroid.agent()
      expect((await here.who(await here.mint({ agent }))).subject).toBe(agent.wimseUri)
    })

    test.each([
      ['a bad token', 'Bearer a.b.c'],
      ['another scheme', 'Basic dTpw'],
      ['an empty header', ''],
    ])('refuses %s all the same', async (_title, authorization) => {
      const here = await site({ adapter: { optional: true } })
      const answer = await sameAsDoor(here, { authorization })
      expect(answer.status).toBe(401)
    })

    test('has no identity for a handler that needs one, which is told so by a code', async () => {
      const here = await site({ adapter: { optional: true } })
      const answer = await here.get('/require')
      expect([answer.status, (await answer.json()).code]).toEqual([401, 'missing_token'])
    })

    test('counts who passes as nobody, and not as a denial', async () => {
      const told: string[] = []
      const observer: Observer = {
        verdict: ({ outcome }) => void told.push(outcome),
        passed: (route, why) => void told.push(`${route} ${why}`),
      }
      const here = await site({ gate: { observer }, adapter: { optional: true } })
      await here.get('/who')
      await here.get('/who', 'a.b.c')
      expect(told).toEqual(['undefined anonymous', 'deny'])
    })
  })

  describe(`${framework.name}: where it stands`, () => {
    test('guards the apps below it', async () => {
      const here = await site()
      expect((await here.get('/sub/who')).status).toBe(401)
      const answer = await here.get('/sub/who', await here.mint())
      expect([answer.status, ((await answer.json()) as Who).anonymous]).toEqual([200, false])
      expect((await here.get('/sub/scope', await here.mint())).status).toBe(403)
    })

    test('guards what is below its path and nothing else', async () => {
      const here = await site({ below: '/sub' })
      expect((await here.get('/who')).status).toBe(200)
      expect((await here.who()).anonymous).toBe(true)
      expect((await here.get('/sub/who')).status).toBe(401)
      expect((await here.get('/sub/who', await here.mint())).status).toBe(200)
    })

    test('two apps share a gate, and what it learnt', async () => {
      const here = await site()
      const other = await framework.start({ options: { gate: here.gate } })
      const token = await here.mint()
      await here.get('/who', token)
      // What other tests revoked a moment ago throws doubt on this token until it is looked up.
      await until(() => {
        const [feed] = here.gate.status().tenants
        return feed?.state === 'live' && feed.pending === 0
      })
      await here.get('/who', token)
      const asked = here.zeroid.requests.count('introspect')
      const headers = { authorization: `Bearer ${token}` }
      expect((await fetch(`${other.url}/who`, { headers })).status).toBe(200)
      expect(here.zeroid.requests.count('introspect')).toBe(asked)
    })

    test('makes a gate of its own from a URL alone', async () => {
      const { zeroid } = await startStack({})
      const app = await framework.start({ options: { url: zeroid.url } })
      const headers = { authorization: `Bearer ${await zeroid.mint()}` }
      await until(async () => (await fetch(`${app.url}/who`, { headers })).status === 200)
      expect((await fetch(`${app.url}/who`)).status).toBe(401)
    })
  })

  describe(`${framework.name}: the resource's metadata`, () => {
    const plan = async (at = 'https://mcp.example/mcp'): Promise<Site> => {
      const stack = await startStack()
      const resource = {
        resource: at,
        scopes: ['tools:read'],
        gate: stack.gate,
      }
      const resourceMetadata = 'https://mcp.example/.well-known/oauth-protected-resource/mcp'
      const app = await framework.start({
        options: { gate: stack.gate, resourceMetadata },
        resource,
      })
      const get: Site['get'] = (path, _token, init) => fetch(app.url + path, init)
      return { ...stack, app, get } as Site
    }

    test('is public and names the issuer', async () => {
      const { get, zeroid } = await plan()
      const answer = await get('/.well-known/oauth-protected-resource/mcp')
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(await answer.json()).toEqual({
        resource: 'https://mcp.example/mcp',
        authorization_servers: [zeroid.issuer],
        scopes_supported: ['tools:read'],
        bearer_methods_supported: ['header'],
      })
    })

    test('is where challenges point', async () => {
      const { get } = await plan()
      const answer = await get('/who')
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer error="missing_token", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"',
      )
    })

    test('is told to HEAD without its body', async () => {
      const { get } = await plan()
      const path = '/.well-known/oauth-protected-resource/mcp'
      const [head, full] = [await get(path, undefined, { method: 'HEAD' }), await get(path)]
      expect([head.status, await head.text()]).toEqual([200, ''])
      for (const name of ['content-type', 'content-length', 'access-control-allow-origin']) {
        expect([name, head.headers.get(name)]).toEqual([name, full.headers.get(name)])
      }
    })

    test('may be read by a page of another origin, which asks first', async () => {
      const { get } = await plan()
      const path = '/.well-known/oauth-protected-resource/mcp'
      const asking = {
        origin: 'https://client.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'mcp-protocol-version',
      }
      const answer = await get(path, undefined, { method: 'OPTIONS', headers: asking })
      expect([answer.status, await answer.text()]).toEqual([204, ''])
      const allowed = ['origin', 'methods', 'headers'].map((name) =>
        answer.headers.get(`access-control-allow-${name}`),
      )
      expect(allowed).toEqual(['*', 'GET, HEAD', '*'])
      expect((await get(path)).headers.get('access-control-allow-origin')).toBe('*')
    })

    test.each(['POST', 'PUT', 'DELETE'])(
      'is public to be read alone, not to %s',
      async (method) => {
        const { get } = await plan()
        const answer = await get('/.well-known/oauth-protected-resource/mcp', undefined, { method })
        expect([401, 404, 405]).toContain(answer.status)
      },
    )

    test('is served at its own path, to the letter', async () => {
      const { get } = await plan('https://mcp.example/a:b/v1.0')
      const base = '/.well-known/oauth-protected-resource'
      expect((await get(`${base}/a:b/v1.0`)).status).toBe(200)
      for (const path of ['/axx/v1.0', '/a:x/v1.0', '/a:b/v1x0', '/a:b/v1.0/x', '/a::b/v1.0']) {
        expect([path, (await get(base + path)).status]).toEqual([path, 401])
      }
    })

    test.each<[string, object]>([
      ['resource', { resource: 'https://mcp.example/a*' }],
      ['resource', { resource: 'https://mcp.example/a%20b' }],
      ['resource', { resource: 'https://mcp.example/čoko' }],
      ['resource', { resource: 'https://mcp.example/#a' }],
      ['resource', { resource: 'mcp' }],
      ['scopes', { scopes: 'tools:read' }],
      ['scopes', { scopes: ['tools:read', 7] }],
      ['scopes', { scopes: ['tools:read tools:execute'] }],
      ['scopes', { scopes: [''] }],
      ['name', { name: '' }],
      ['name', { name: 7 }],
      ['gate', { gate: undefined }],
      ['scope', { scope: ['a'] }],
    ])('is not made of a wrong "%s"', async (name, changed) => {
      const { gate } = await startStack()
      const make = (): unknown =>
        framework.protectedResource({ gate, resource: 'https://mcp.example', ...changed } as never)
      expect(make).toThrow(TypeError)
      expect(make).toThrow(`"${name}"`)
    })

    test('opens no other path', async () => {
      const { get } = await plan()
      for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/x', '/mcp']) {
        expect([path, (await get(path)).status]).toEqual([path, 401])
      }
    })
  })

  describe(`${framework.name}: an open answer`, () => {
    test("ends when its agent is revoked, its sub-agents' too, a bystander's not", async () => {
      const here = await site()
      const agent = await here.zeroid.agent()
      const token = await here.mint({ agent })
      const child = await here.zeroid.delegate(token)
      const grandchild = await here.zeroid.delegate(child)
      const open = (it: string) => openStream(here.app.url, it)
      const family = await Promise.all([open(token), open(child), open(grandchild)])
      const bystander = await open(await here.mint())
      await here.zeroid.signal({ agent })
      for (const stream of family) expect(await stream.ended()).toContain('token_inactive')
      expect(bystander.text()).toBe('data: open\n\n')
      expect(here.gate.status().watches).toBe(1)
    })

    test('ends within the bound when its token is revoked in silence', async () => {
      const here = await site({ gate: { maxStaleness: 500 } })
      const token = await here.mint()
      const stream = await openStream(here.app.url, token)
      const since = performance.now()
      await here.zeroid.revoke(token)
      expect(await stream.ended()).toContain('token_inactive')
      expect(performance.now() - since).toBeLessThan(1_500)
    })

    test('ends within the bound of its route, where that is the closer one', async () => {
      const freshness = { mode: 'live', max_staleness: '1s' } as const
      const here = await site({
        adapter: { policy: { version: 1, routes: [{ match: { path: '/**' }, freshness }] } },
      })
      const token = await here.mint()
      const stream = await openStream(here.app.url, token)
      const since = performance.now()
      await here.zeroid.revoke(token)
      expect(await stream.ended()).toContain('token_inactive')
      expect(performance.now() - since).toBeLessThan(2_500)
    })

    test('ends at once when another request learns of the revocation', async () => {
      const here = await site({ gate: { mode: 'live' } })
      const token = await here.mint()
      const stream = await openStream(here.app.url, token)
      await here.zeroid.revoke(token)
      expect((await here.get('/who', token)).status).toBe(401)
      expect(await stream.ended()).toContain('token_inactive')
    })

    test('ends when its token expires', async () => {
      const here = await site({ gate: { clockSkew: 0 } })
      const stream = await openStream(here.app.url, await here.mint({ ttl: 2 }))
      expect(await stream.ended()).toContain('token_expired')
    })

    test('is let go of when its client leaves', async () => {
      const here = await site()
      const stream = await openStream(here.app.url, await here.mint())
      expect(here.gate.status().watches).toBe(1)
      stream.leave()
      await until(() => here.gate.status().watches === 0)
    })

    test('is let go of when its client leaves, also behind others that it pipelined', async () => {
      const here = await site()
      const token = await here.mint()
      await here.get('/who', token)
      const socket = connect(Number(new URL(here.app.url).port), '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.write(request('/stream', token).repeat(20))
      await until(() => here.gate.status().watches === 20)
      socket.destroy()
      await until(() => here.gate.status().watches === 0)
    })

    test('costs nothing where nobody reads its signal', async () => {
      const here = await site()
      const token = await here.mint()
      await Promise.all(Array.from({ length: 50 }, () => here.get('/who', token)))
      expect(here.gate.status().watches).toBe(0)
    })
  })
}

/** The same token with another signature. */
function spoil(token: string): string {
  const at = token.length - 40
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

function request(path: string, token: string | undefined): string {
  const authorization = token === undefined ? [] : [`Authorization: Bearer ${token}`]
  return [`GET ${path} HTTP/1.1`, 'Host: x', ...authorization, '', ''].join('\r\n')
}

/** One connection; each request is answered before the next is sent. */
function keepOpen(url: string): (bytes: string) => Promise<{ body: Buffer }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  return (bytes) =>
    new Promise((resolve) => {
      let received = Buffer.alloc(0)
      const listen = (chunk: Buffer): void => {
        received = Buffer.concat([received, chunk])
        const head = received.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(received.toString('latin1'))?.[1])
        if (head === -1 || received.length < head + 4 + length) return
        socket.off('data', listen)
        resolve({ body: received.subarray(head + 4) })
      }
      socket.on('data', listen)
      socket.write(bytes)
    })
}
