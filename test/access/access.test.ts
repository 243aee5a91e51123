import { describe, expect, test } from 'vitest'
import { createAccess } from '../../src/access/access.ts'
import type { DoorOptions } from '../../src/http/door.ts'
import { createMetrics } from '../../src/observe/metrics.ts'
import { combineObservers } from '../../src/observe/observer.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { PolicyDocument, RouteDocument } from '../../src/policy/policy.ts'
import { describeDirect } from '../../src/request/direct.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import type { Stack } from '../helpers/stack.ts'
import { createRecorder, startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

const document = (...routes: RouteDocument[]): PolicyDocument => ({ version: 1, routes })
const source = (...routes: RouteDocument[]): Pick<DoorOptions, 'policy'> => {
  const rules = policyFrom(document(...routes))
  return { policy: { current: () => rules } }
}
const anything: RouteDocument = { match: { path: '/**' } }

interface Asking extends Stack {
  /** Asks as a proxy does, for a client's request. */
  readonly ask: (
    line: string,
    token?: string,
    headers?: Record<string, string>,
  ) => Promise<Response>
}

async function startAsking(
  door: Partial<DoorOptions>,
  options: Parameters<typeof startStack>[0] = {},
): Promise<Asking> {
  const stack = await startStack(options, {}, door)
  return {
    ...stack,
    ask(line, token, headers = {}) {
      const [method = '', url = ''] = line.split(' ')
      const [, scheme = '', host = '', uri = ''] = /^(https?):\/\/([^/]*)(.*)$/.exec(url) ?? []
      return stack.verify({
        'x-forwarded-method': method,
        'x-forwarded-proto': scheme,
        'x-forwarded-host': host,
        'x-forwarded-uri': uri,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      })
    },
  }
}

const gist = (answer: Response): string =>
  `${answer.status} ${answer.headers.get('x-zeroid-problem') ?? ''}`.trim()

const get = 'GET https://api.example.com'

describe('the door with rules', () => {
  test('lets a good token in where a route says so, and nowhere else', async () => {
    const { ask, zeroid } = await startAsking(
      source({ match: { path: '/orders/*', methods: ['GET'], host: 'api.example.com' } }),
    )
    const token = await zeroid.mint()
    expect((await ask(`${get}/orders/1`, token)).status).toBe(200)
    for (const line of [
      `${get}/orders`,
      `${get}/orders/1/2`,
      'POST https://api.example.com/orders/1',
      'GET https://other.example.com/orders/1',
    ]) {
      expect(gist(await ask(line, token)), line).toBe('403 {"error":"access_denied"}')
    }
  })

  test('says 401 before 403 of a token that is no good', async () => {
    const { ask } = await startAsking(
      source({ match: { path: '/x' }, require: { scopes: { all: ['a'] } } }),
    )
    expect(gist(await ask(`${get}/x`))).toBe('401 {"error":"missing_token"}')
    expect(gist(await ask(`${get}/x`, 'a.b.c'))).toBe('401 {"error":"invalid_token"}')
  })

  test('sets no identity header on an anonymous route, even for a good token', async () => {
    const { ask, zeroid } = await startAsking(source({ match: { path: '/h' }, allow: 'anonymous' }))
    for (const token of [undefined, await zeroid.mint(), 'rubbish']) {
      const answer = await ask(`${get}/h`, token)
      expect(answer.status).toBe(200)
      expect([...answer.headers.keys()].filter((name) => /zeroid|forwarded/.test(name))).toEqual([])
      expect(answer.headers.get('content-length')).toBe('0')
    }
  })

  test('names all identity headers on it, empty, where the proxy needs that', async () => {
    const { ask } = await startAsking({
      ...source({ match: { path: '/h' }, allow: 'anonymous' }),
      emptyHeaders: true,
    })
    const answer = await ask(`${get}/h`)
    expect(answer.headers.get('x-zeroid-owner')).toBe('')
    expect(answer.headers.get('x-forwarded-user')).toBe('')
  })

  test('refuses with 400 a request that is described twice', async () => {
    const { ask, zeroid } = await startAsking(source(anything))
    const token = await zeroid.mint()
    const twice = await ask(`${get}/x`, token, { 'x-original-uri': '/public' })
    expect(twice.status).toBe(400)
  })

  test('leaves a request that is described twice alone where nothing depends on it', async () => {
    const { ask, zeroid } = await startAsking({})
    const answer = await ask(`${get}/x`, await zeroid.mint(), { 'x-original-uri': '/public' })
    expect(answer.status).toBe(200)
  })

  test('refuses what the proxy does not describe, and tells the operator once what to add', async () => {
    const recorder = createRecorder()
    const { present, zeroid } = await startAsking(source({ match: { path: '/x' } }, anything), {
      observer: recorder,
    })
    const token = await zeroid.mint()
    for (let i = 0; i < 3; i++) expect((await present(token)).status).toBe(403)
    const told = recorder.notes.filter(({ message }) => message.includes('does not tell the path'))
    expect(told).toHaveLength(1)
    expect(JSON.stringify(told[0])).toContain('X-Forwarded-Uri $request_uri')
  })

  test('refuses what a client wrote unreadably, and tells the operator of no fault', async () => {
    const recorder = createRecorder()
    const { ask, zeroid } = await startAsking(
      source({ match: { path: '/x', host: 'api.example.com', methods: ['GET'] } }, anything),
      { observer: recorder },
    )
    const token = await zeroid.mint()
    for (const line of ['GET https://a@b/x', 'GET https://x:/x', 'get https://api.example.com/x']) {
      expect(gist(await ask(line, token)), line).toBe('403 {"error":"access_denied"}')
    }
    expect(recorder.notes.filter(({ level }) => level === 'error')).toEqual([])
    expect((await ask('get https://a@b/y', token)).status).toBe(200)
  })

  test('needs no description where no route asks for any', async () => {
    const { present, zeroid } = await startAsking(source(anything))
    expect((await present(await zeroid.mint())).status).toBe(200)
  })

  test('answers 503 while no rules could be loaded', async () => {
    const { ask, zeroid } = await startAsking({ policy: { current: () => undefined } })
    const answer = await ask(`${get}/x`, await zeroid.mint())
    expect(gist(answer)).toBe('503 {"error":"temporarily_unavailable"}')
    expect(answer.headers.get('retry-after')).toBe('5')
  })

  test('answers 503 where the rules themselves fail', async () => {
    const recorder = createRecorder()
    const broken = {
      current: () => {
        throw new Error('rules')
      },
    }
    const { ask, zeroid } = await startAsking({ policy: broken }, { observer: recorder })
    expect((await ask(`${get}/x`, await zeroid.mint())).status).toBe(503)
    expect(recorder.notes.some(({ message }) => message.includes('policy failed'))).toBe(true)
  })

  test('takes new rules at the next request', async () => {
    let rules = policyFrom(document(anything))
    const { ask, zeroid } = await startAsking({ policy: { current: () => rules } })
    const token = await zeroid.mint()
    expect((await ask(`${get}/x`, token)).status).toBe(200)
    rules = policyFrom(document())
    expect((await ask(`${get}/x`, token)).status).toBe(403)
  })

  test('counts and logs what routes decide, and tells no client', async () => {
    const metrics = createMetrics()
    const { ask, zeroid } = await startAsking(
      source(
        { name: 'health', match: { path: '/h' }, allow: 'anonymous' },
        { name: 'tools', match: { path: '/t' }, require: { trust: 'first_party' } },
        { name: 'try', match: { path: '/s' }, require: { trust: 'first_party' }, shadow: true },
      ),
      { observer: combineObservers(metrics.observer) },
    )
    const agent = await zeroid.agent({ trustLevel: 'unverified' })
    const token = await zeroid.mint({ agent })
    await ask(`${get}/h`)
    const refused = await ask(`${get}/t`, token)
    expect(gist(refused)).toBe('403 {"error":"insufficient_trust"}')
    expect(refused.headers.get('www-authenticate')).toContain('trust_level="first_party"')
    expect([...refused.headers.values()].join()).not.toContain('tools')
    expect((await ask(`${get}/s`, token)).status).toBe(200)
    await ask(`${get}/nowhere`, token)
    const text = await metrics.render()
    expect(text).toContain('route_decisions_total{route="health",outcome="anonymous"} 1')
    expect(text).toContain('route_decisions_total{route="tools",outcome="deny"} 1')
    expect(text).toContain('route_decisions_total{route="try",outcome="shadow"} 1')
    expect(text).toContain('route_decisions_total{route="try",outcome="allow"} 1')
    expect(text).toContain('verdicts_total{outcome="deny",reason="insufficient_trust"} 1')
    expect(text).toContain('verdicts_total{outcome="deny",reason="no_route"} 1')
  })
})

describe('freshness of a route', () => {
  test('mode live asks for each request, the other routes do not', async () => {
    const { ask, zeroid } = await startAsking(
      source({ match: { path: '/live' }, freshness: { mode: 'live' } }, anything),
    )
    const token = await zeroid.mint()
    const asked = (): number => zeroid.requests.count('introspect')
    await ask(`${get}/x`, token)
    const before = asked()
    for (let i = 0; i < 3; i++) expect((await ask(`${get}/live`, token)).status).toBe(200)
    expect(asked() - before).toBe(3)
    await ask(`${get}/x`, token)
    expect(asked() - before).toBe(3)
  })

  test('a shorter bound asks sooner, and refuses sooner where nobody answers', async () => {
    const clock = createFakeClock()
    const { ask, zeroid } = await startAsking(
      source({ match: { path: '/fresh' }, freshness: { max_staleness: '2s' } }, anything),
      { clock, signals: false },
    )
    const token = await zeroid.mint({ iat: Math.floor(clock.now() / 1000) - 60 })
    expect((await ask(`${get}/x`, token)).status).toBe(200)
    await zeroid.pause()
    clock.advance(3_000)
    expect((await ask(`${get}/x`, token)).status).toBe(200)
    expect((await ask(`${get}/fresh`, token)).status).toBe(503)
    await zeroid.resume()
  })

  test('on_unknown: allow lets pass what is 503 elsewhere', async () => {
    const clock = createFakeClock()
    const { ask, zeroid } = await startAsking(
      source({ match: { path: '/lax' }, freshness: { on_unknown: 'allow' } }, anything),
      { clock, signals: false },
    )
    const token = await zeroid.mint({ iat: Math.floor(clock.now() / 1000) - 60 })
    expect((await ask(`${get}/x`, token)).status).toBe(200)
    await zeroid.pause()
    clock.advance(31_000)
    expect((await ask(`${get}/lax`, token)).status).toBe(200)
    expect((await ask(`${get}/x`, token)).status).toBe(503)
    await zeroid.resume()
  })

  test('what the signals alone let pass is no evidence for another route', async () => {
    const { ask, zeroid, gate } = await startAsking(
      source(
        { match: { path: '/local' }, freshness: { mode: 'local', max_staleness: '1h' } },
        anything,
      ),
      {
        tenants: [{ accountId: 'acct-demo', projectId: 'proj-demo' }],
        maxStaleness: 1_000,
        // The signals themselves are known to be complete just now.
        signalPoll: 100,
      },
    )
    await until(() => gate.status().ready)
    // A token of the second in which the signals came to be known is none that they vouch for.
    const second = (): number => Math.floor(Date.now() / 1000)
    const known = second()
    await until(() => second() > known)
    const minted = second()
    const token = await zeroid.mint()
    await zeroid.revoke(token)
    // Past the bound, so that the mint is no evidence either.
    await until(() => second() > minted + 1)
    // A silent revocation: signals do not tell it.
    expect((await ask(`${get}/local`, token)).status).toBe(200)
    expect(zeroid.requests.count('introspect')).toBe(0)
    const verdict = await gate.check({ rawHeaders: ['Authorization', `Bearer ${token}`] })
    expect(verdict).toMatchObject({ outcome: 'deny', reason: 'token_inactive' })
    expect(zeroid.requests.count('introspect')).toBe(1)
    // What the server said holds everywhere.
    expect((await ask(`${get}/local`, token)).status).toBe(401)
  })
})

test('the freshness of a route in shadow is not tried, so that nobody waits for it', async () => {
  const { ask, zeroid } = await startAsking(
    source({ match: { path: '/**' }, freshness: { mode: 'live' }, shadow: true }),
  )
  const token = await zeroid.mint()
  expect((await ask(`${get}/x`, token)).status).toBe(200)
  const before = zeroid.requests.count('introspect')
  for (let i = 0; i < 3; i++) expect((await ask(`${get}/x`, token)).status).toBe(200)
  expect(zeroid.requests.count('introspect')).toBe(before)
})

describe('proofs of possession at a route', () => {
  const key = makeProofKey()
  const routes = source(
    { match: { path: '/must' }, require: { dpop: 'required' } },
    { match: { path: '/off' }, require: { dpop: 'off' } },
    { name: 'try', match: { path: '/shadow' }, require: { dpop: 'required' }, shadow: true },
    anything,
  )
  const proofFor = (token: string, path: string): string =>
    proof({ key, url: `https://api.example.com${path}`, token })

  test('required: an unbound token never passes, a bound one with its proof', async () => {
    const { ask, zeroid } = await startAsking(routes)
    const unbound = await ask(`${get}/must`, await zeroid.mint())
    expect(gist(unbound)).toBe('401 {"error":"invalid_token"}')
    expect(unbound.headers.get('www-authenticate')).toContain(', DPoP error="invalid_token"')
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    const sent = { authorization: `DPoP ${token}`, dpop: proofFor(token, '/must') }
    expect((await ask(`${get}/must`, undefined, sent)).status).toBe(200)
  })

  test('off: a bound token passes under either scheme, and nothing is said of a proof', async () => {
    const { ask, zeroid } = await startAsking(routes)
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    for (const scheme of ['Bearer', 'DPoP']) {
      const answer = await ask(`${get}/off`, undefined, { authorization: `${scheme} ${token}` })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('x-zeroid-proof')).toBeNull()
    }
    expect((await ask(`${get}/x`, token)).status).toBe(401)
  })

  test('in shadow it is not required, and said to be missing', async () => {
    const said: string[] = []
    const observer = {
      shadow: (route: string, { reason }: { reason: string }) =>
        void said.push(`${route} ${reason}`),
    }
    const { ask, zeroid } = await startAsking(routes, { observer })
    expect((await ask(`${get}/shadow`, await zeroid.mint())).status).toBe(200)
    expect(said).toEqual(['try token_not_bound'])
  })
})

describe('a handshake', () => {
  test('needs a token also where the route is for anybody, and the rules hold for it', async () => {
    const { gate, zeroid } = await startStack()
    const rules = policyFrom(
      document(
        { match: { path: '/open' }, allow: 'anonymous' },
        { match: { path: '/tools' }, require: { scopes: { all: ['tools:execute'] } } },
      ),
    )
    const access = createAccess({
      gate,
      policy: { current: () => rules },
      describe: describeDirect,
    })
    const shake = async (url: string, token?: string): Promise<string> => {
      const rawHeaders =
        token === undefined
          ? []
          : [
              'Sec-WebSocket-Protocol',
              `base64url.bearer.authorization.${Buffer.from(token).toString('base64url')}, chat`,
            ]
      const { verdict } = await access.checkUpgrade({ rawHeaders, headers: {}, method: 'GET', url })
      return verdict.outcome === 'allow' ? 'allow' : verdict.reason
    }
    const token = await zeroid.mint()
    expect(await shake('/open')).toBe('missing_token')
    expect(await shake('/open', token)).toBe('allow')
    expect(await shake('/tools', token)).toBe('insufficient_scope')
    expect(await shake('/tools', await zeroid.mint({ scopes: ['tools:execute'] }))).toBe('allow')
    expect(await shake('/other', token)).toBe('no_route')
  })
})
