import { describe, expect, test, vi } from 'vitest'
import type { Verdict } from '../../src/verdict.ts'
import { createFakeClock } from '../helpers/clock.ts'
import {
  createSigningKey,
  gist,
  headerOf,
  payloadText,
  seal,
  startForge,
} from '../helpers/forge.ts'
import { createHold } from '../helpers/hold.ts'
import type { Route } from '../helpers/server.ts'
import { answering, introspectPath, jwksPath, sendJson, startServer } from '../helpers/server.ts'
import { bearer, createRecorder, openDoor, startStack } from '../helpers/stack.ts'

const bound = 30_000
const longLived = { exp: '9999999999' }

/** Lets everything that is on its way arrive. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

const evidenceOf = (verdict: Verdict): string =>
  verdict.outcome === 'allow' ? verdict.evidence.kind : verdict.outcome

describe('hybrid', () => {
  test('asks at first sight, and not again while warm', async () => {
    const clock = createFakeClock()
    const { gate, check, token, server } = await startForge({ clock })
    const text = token()
    const first = await check(text)
    expect(first).toMatchObject({ outcome: 'allow', evidence: { kind: 'introspected' } })
    clock.advance(bound / 2)
    for (let i = 0; i < 1_000; i++) expect(gate.check(bearer(text))).toBe(first)
    await settle()
    expect(server.count(introspectPath)).toBe(1)
  })

  test('sends the token in the body of a form, and nowhere else', async () => {
    const { check, token, server } = await startForge({
      clientId: 'gate: ä',
      clientSecret: 's p/+:',
    })
    const text = token()
    await check(text)
    const asked = server.seen.find(({ path }) => path === introspectPath)
    expect(asked).toMatchObject({
      method: 'POST',
      body: `token=${text}`,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from('gate%3A+%C3%A4:s+p%2F%2B%3A').toString('base64')}`,
        'accept-encoding': 'identity',
      },
    })
    for (const { path, headers } of server.seen)
      expect(JSON.stringify([path, headers])).not.toContain(text)
  })

  test('renews in the background past half the bound, one question at a time', async () => {
    const clock = createFakeClock()
    const { gate, check, token, server } = await startForge({ clock })
    const text = token()
    await check(text)
    const hold = createHold()
    server.on(introspectPath, hold.route)
    clock.advance(bound / 2 + 1)
    const old = gate.check(bearer(text))
    for (let i = 0; i < 100; i++) expect(gate.check(bearer(text))).toBe(old)
    await hold.reached(1)
    clock.advance(1_000)
    for (let i = 0; i < 100; i++) expect(gate.check(bearer(text))).toBe(old)
    await settle()
    expect([hold.peak(), server.count(introspectPath)]).toEqual([1, 2])

    hold.release()
    await vi.waitFor(() => expect(gate.check(bearer(text))).not.toBe(old))
    const renewed = gate.check(bearer(text)) as Verdict & { evidence: { at: number } }
    // Dated back to the question: what happened on the way is not covered by the answer.
    expect(clock.monotonic() - renewed.evidence.at).toBe(1_000)
    expect(server.count(introspectPath)).toBe(2)
  })

  test('does not renew what nobody uses', async () => {
    const clock = createFakeClock()
    const { check, token, server } = await startForge({ clock })
    await check(token(longLived))
    for (let i = 0; i < 100; i++) clock.advance(10_000)
    await settle()
    expect(server.count(introspectPath)).toBe(1)
  })

  test('asks in the foreground past the bound', async () => {
    const clock = createFakeClock()
    const { gate, check, token, server } = await startForge({ clock })
    const text = token(longLived)
    await check(text)
    clock.advance(bound)
    expect(gate.check(bearer(text))).not.toBeInstanceOf(Promise)
    await vi.waitFor(() => expect(server.count(introspectPath)).toBe(2))
    await settle()
    clock.advance(bound + 1)
    const verdict = gate.check(bearer(text))
    expect(verdict).toBeInstanceOf(Promise)
    expect(gist(await verdict)).toBe('allow')
    expect(server.count(introspectPath)).toBe(3)
  })

  test('denies from the renewal that says so', async () => {
    const clock = createFakeClock()
    const { gate, check, token, server } = await startForge({ clock })
    const text = token()
    await check(text)
    server.on(introspectPath, { active: false })
    clock.advance(bound / 2 + 1)
    void gate.check(bearer(text))
    await vi.waitFor(() => expect(gist(gate.check(bearer(text)) as Verdict)).toBe('token_inactive'))
  })

  test('in an outage never allows on older evidence than the bound, never says 401, and heals', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock })
    const text = forge.token(longLived)
    const statuses: number[] = []
    for (let second = 0; second < 150; second++) {
      if (second === 20) await forge.server.pause()
      if (second === 90) await forge.server.resume()
      const verdict = await forge.check(text)
      if (verdict.outcome === 'allow') {
        expect(verdict.evidence.kind).toBe('introspected')
        expect(clock.monotonic() - verdict.evidence.at).toBeLessThanOrEqual(bound)
      }
      const answer = await forge.present(text)
      statuses.push(answer.status)
      if (answer.status === 503) {
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
        expect(answer.headers.get('www-authenticate')).toBeNull()
        expect(answer.headers.get('x-forwarded-user')).toBeNull()
      }
      await settle()
      clock.advance(1_000)
    }
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    expect(statuses.slice(0, 40)).not.toContain(503)
    expect(statuses.slice(55, 90)).not.toContain(200)
    expect(statuses.slice(91)).not.toContain(503)
  })

  test('keeps its ages where the wall clock is stepped back', async () => {
    const clock = createFakeClock()
    const { gate, check, token, server } = await startForge({ clock })
    const text = token({ exp: '9999999999', iat: '1' })
    await check(text)
    await server.pause()
    for (const step of [-3_600_000, -60_000, -86_400_000]) {
      clock.step(step)
      expect(gist(gate.check(bearer(text)) as Verdict)).toBe('allow')
    }
    clock.advance(bound + 1)
    expect(gist(await check(text))).toBe('server_unreachable')
  })

  test('asks where the wall clock is ahead of the monotonic one: this machine may have slept', async () => {
    const clock = createFakeClock()
    const { gate, check, token, server } = await startForge({ clock })
    const text = token({ exp: '9999999999', iat: '1' })
    await check(text)
    clock.step(bound + 1)
    expect(gist(await check(text))).toBe('allow')
    expect(server.count(introspectPath)).toBe(2)
    // The answer brought a `Date`: what is known since then is as old as it looks.
    expect(gate.check(bearer(text))).not.toBeInstanceOf(Promise)
    await server.pause()
    clock.step(2 * bound)
    expect(gist(await check(text))).toBe('server_unreachable')
  })

  test('sees a revocation that sends no signal within the bound', async () => {
    const clock = createFakeClock()
    const stack = await startStack({ clock, signals: false }, { now: clock.now })
    const token = await stack.zeroid.mint({ ttl: 600 })
    expect(gist(await stack.check(token))).toBe('allow')
    clock.advance(1_000)
    await stack.zeroid.revoke(token)
    let passed = 0
    while (gist(await stack.check(token)) === 'allow') {
      await settle()
      clock.advance(1_000)
      passed += 1_000
      expect(passed).toBeLessThanOrEqual(bound)
    }
    expect(gist(await stack.check(token))).toBe('token_inactive')
  })
})

describe('live', () => {
  test('asks for each request, and concurrent ones share the call in flight', async () => {
    const { check, token, server } = await startForge({ mode: 'live' })
    const text = token()
    for (let i = 1; i <= 5; i++) {
      expect(gist(await check(text))).toBe('allow')
      expect(server.count(introspectPath)).toBe(i)
    }
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const waiting = Array.from({ length: 50 }, () => check(text))
    await hold.reached(1)
    hold.release()
    expect(new Set((await Promise.all(waiting)).map(gist))).toEqual(new Set(['allow']))
    expect(server.count(introspectPath)).toBe(6)
    server.on(introspectPath, { active: false })
    expect(gist(await check(text))).toBe('token_inactive')
  })

  test('gives no verdict from memory when the server is away', async () => {
    const { check, token, server } = await startForge({ mode: 'live' })
    const text = token()
    expect(gist(await check(text))).toBe('allow')
    await server.pause()
    expect(gist(await check(text))).toBe('server_unreachable')
    await server.resume()
    expect(gist(await check(text))).toBe('allow')
  })
})

describe('GATE_ON_UNKNOWN=allow', () => {
  test('lets a verified token pass while the server is away, and says that nothing vouches', async () => {
    const { check, present, token, server } = await startForge({ onUnknown: 'allow' })
    await server.pause()
    const text = token()
    expect(evidenceOf(await check(text))).toBe('none')
    const answer = await present(text)
    expect([answer.status, answer.headers.get('x-zeroid-external-id')]).toEqual([200, 'one'])
    await server.resume()
    await vi.waitFor(async () => expect(evidenceOf(await check(text))).toBe('introspected'))
  })

  test('never lets an inactive, expired, forged or foreign token pass', async () => {
    const clock = createFakeClock()
    const { check, token, server } = await startForge({ onUnknown: 'allow', clock })
    const inactive = token()
    server.on(introspectPath, { active: false })
    expect(gist(await check(inactive))).toBe('token_inactive')
    await server.pause()
    expect(gist(await check(inactive))).toBe('token_inactive')
    expect(gist(await check(token({ exp: '1' })))).toBe('token_expired')
    expect(gist(await check(`${token().slice(0, -4)}AAAA`))).toBe('bad_signature')
    expect(gist(await check(token({ iss: '"https://other.example"' })))).toBe('wrong_issuer')
  })

  test('never lets a token pass before its time', async () => {
    const { check, token, server } = await startForge({ onUnknown: 'allow' })
    await check(token())
    await server.pause()
    const nbf = String(Math.floor(Date.now() / 1000) + 60)
    expect(gist(await check(token({ nbf })))).toBe('server_unreachable')
    expect(evidenceOf(await check(token()))).toBe('none')
  })

  test('never lets a token pass before its time, in local mode either', async () => {
    const { check, zeroid } = await startStack({ mode: 'local', onUnknown: 'allow' })
    const nbf = Math.floor(Date.now() / 1000) + 60
    expect(gist(await check(await zeroid.mint({ claims: { nbf } })))).toBe('dated_ahead')
    expect(await check(await zeroid.mint())).toMatchObject({ outcome: 'allow' })
  })

  test('does not let a token pass that expired while the server was asked', async () => {
    const clock = createFakeClock()
    const { check, token, server } = await startForge({ onUnknown: 'allow', clock })
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const waiting = check(token())
    await hold.reached(1)
    clock.advance(3_700_000)
    hold.release({}, 500)
    expect(gist(await waiting)).toBe('token_expired')
  })

  test('does not stand for keys that were never loaded', async () => {
    const { check, token, server } = await startForge({ onUnknown: 'allow' })
    await server.pause()
    const other = await startForge({ onUnknown: 'allow', url: server.url, issuer: server.url })
    expect(gist(await other.check(token()))).toBe('keys_not_loaded')
    expect(evidenceOf(await check(token()))).toBe('none')
  })
})

describe('a token that the server called inactive', () => {
  test.each(['hybrid', 'live'] as const)(
    'is denied until its end without asking again (%s)',
    async (mode) => {
      const clock = createFakeClock()
      const { gate, check, token, server } = await startForge({ mode, clock })
      server.on(introspectPath, { active: false })
      const text = token()
      expect(gist(await check(text))).toBe('token_inactive')
      server.on(introspectPath, { active: true })
      for (let minute = 0; minute < 60; minute++) {
        expect(gist(gate.check(bearer(text)) as Verdict)).toBe('token_inactive')
        clock.advance(60_000)
      }
      clock.advance(6_000)
      expect(gist(gate.check(bearer(text)) as Verdict)).toBe('token_expired')
      await settle()
      expect(server.count(introspectPath)).toBe(1)
    },
  )
})

describe('the questions to the server', () => {
  test('are one for fifty concurrent requests with one token', async () => {
    const { check, token, server } = await startForge()
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const text = token()
    const waiting = Array.from({ length: 50 }, () => check(text))
    await hold.reached(1)
    await settle()
    hold.release()
    expect(new Set((await Promise.all(waiting)).map(gist))).toEqual(new Set(['allow']))
    expect(server.count(introspectPath)).toBe(1)
  })

  test('never exceed the limit; a queue that cannot be served is refused at once', async () => {
    const clock = createFakeClock()
    const { check, token, server } = await startForge({ introspectConcurrency: 2, clock })
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const verdicts: string[] = []
    const waiting = Array.from({ length: 100 }, async () => {
      verdicts.push(gist(await check(token())))
    })
    await hold.reached(2)
    // Refused before the server answered anybody.
    await vi.waitFor(() => expect(verdicts).toHaveLength(100 - 2 - 32))
    expect(new Set(verdicts)).toEqual(new Set(['server_overloaded']))
    const serve = setInterval(() => hold.release(), 1)
    await Promise.all(waiting)
    clearInterval(serve)
    expect(hold.peak()).toBe(2)
    expect(verdicts.filter((verdict) => verdict === 'allow')).toHaveLength(34)
  })

  test('do not keep anybody waiting past the patience', async () => {
    const clock = createFakeClock()
    const { check, present, token, server } = await startForge({ introspectConcurrency: 1, clock })
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const first = check(token())
    await hold.reached(1)
    const second = check(token())
    const third = present(token())
    await settle()
    await vi.waitFor(async () => {
      clock.advance(2_000)
      expect((await Promise.race([third, settle()]))?.status).toBe(503)
    })
    expect(gist(await second)).toBe('server_overloaded')
    hold.release()
    expect(gist(await first)).toBe('allow')
    expect(server.count(introspectPath)).toBe(1)
  })

  test('become one probe at a time after repeated failures', async () => {
    const recorder = createRecorder()
    const { check, token, server } = await startForge({ observer: recorder })
    server.on(introspectPath, answering(500, 'application/json'))
    for (let i = 0; i < 5; i++) expect(gist(await check(token()))).toBe('server_answer_unusable')
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const asked = server.count(introspectPath)
    const probe = check(token())
    await hold.reached(1)
    const others = await Promise.all(Array.from({ length: 20 }, () => check(token())))
    expect(new Set(others.map(gist))).toEqual(new Set(['server_answer_unusable']))
    expect(server.count(introspectPath)).toBe(asked + 1)
    hold.release()
    expect(gist(await probe)).toBe('allow')
    server.on(introspectPath, { active: true })
    const after = await Promise.all(Array.from({ length: 20 }, () => check(token())))
    expect(new Set(after.map(gist))).toEqual(new Set(['allow']))
    expect(recorder.notes.map(({ message }) => message)).toContain('introspection works again')
    expect(recorder.introspections.filter((result) => result === 'unexpected_status')).toHaveLength(
      5,
    )
  })
})

describe('credentials that the server refuses', () => {
  const loud =
    'ZeroID refused the introspection client; set ZEROID_CLIENT_ID and ZEROID_CLIENT_SECRET'

  test('are told loudly, also where another failure came before', async () => {
    const recorder = createRecorder()
    const { check, token, server } = await startForge({ observer: recorder })
    server.on(introspectPath, answering(500, 'application/json'))
    expect(gist(await check(token()))).toBe('server_answer_unusable')
    server.on(introspectPath, answering(401, 'application/json', '{"error":"invalid_client"}'))
    expect(gist(await check(token()))).toBe('client_refused')
    expect(recorder.notes).toContainEqual(
      expect.objectContaining({ level: 'error', message: loud }),
    )
  })

  test('are the reason that everybody gets while a probe is under way', async () => {
    const { check, token, server } = await startForge({})
    server.on(introspectPath, answering(401, 'application/json', '{"error":"invalid_client"}'))
    for (let i = 0; i < 5; i++) expect(gist(await check(token()))).toBe('client_refused')
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const probe = check(token())
    await hold.reached(1)
    expect(gist(await check(token()))).toBe('client_refused')
    hold.release()
    expect(gist(await probe)).toBe('allow')
  })
})

describe('the memory', () => {
  test('is bounded, and forgetting costs one question', async () => {
    const { gate, check, token, server } = await startForge({ cacheTokens: 2 })
    const [first, second, third] = [token(), token(), token()]
    for (const text of [first, second, third]) expect(gist(await check(text))).toBe('allow')
    expect(gate.status().tokens).toBe(2)
    expect(gate.check(bearer(third))).not.toBeInstanceOf(Promise)
    expect(gate.check(bearer(second))).not.toBeInstanceOf(Promise)
    expect(gist(await check(first))).toBe('allow')
    expect(server.count(introspectPath)).toBe(4)
    expect(gate.status().tokens).toBe(2)
  })

  test('that forgot an inactive token learns it anew, and never says that it is active', async () => {
    const { check, token, server } = await startForge({ cacheTokens: 1 })
    const dead = token()
    const route: Route = ({ body }, response) =>
      sendJson(response, { active: body !== `token=${dead}` })
    server.on(introspectPath, route)
    for (let i = 0; i < 3; i++) {
      expect(gist(await check(dead))).toBe('token_inactive')
      expect(gist(await check(token()))).toBe('allow')
    }
  })

  test('holds nothing that nobody vouched for', async () => {
    const { gate, check, token } = await startForge()
    for (const text of [
      'a.b.c',
      `${token().slice(0, -4)}AAAA`,
      token({ exp: '"x"' }),
      token({ sub: '1' }),
    ]) {
      await check(text)
    }
    expect(gate.status().tokens).toBe(0)
  })

  test('verifies a token once for concurrent requests', async () => {
    const { gate, check, token } = await startForge()
    const text = token()
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => check(text)))
    expect(new Set(verdicts.map((verdict) => verdict.identity)).size).toBe(1)
    expect(gate.status().tokens).toBe(1)
  })
})

test('a fast clock refuses no good token, also where the first Date comes out of a cache', async () => {
  const ec = createSigningKey('ES256', 'ec-1')
  const server = await startServer(Date.now)
  const kept = { Age: '5', Date: new Date(Date.now() - 5_000).toUTCString() }
  const keys = JSON.stringify({ keys: [ec.jwk] })
  server.on(jwksPath, answering(200, 'application/json', keys, kept))
  const clock = createFakeClock(Date.now() + 120_000)
  const { gate } = await openDoor({ url: server.url, signals: false, issuer: server.url, clock })
  const exp = String(Math.floor(Date.now() / 1000) + 60)
  const token = seal(headerOf(ec), payloadText(server.url, Date.now(), { exp }), ec)
  expect(gist(await gate.check(bearer(token)))).not.toBe('token_expired')
})
