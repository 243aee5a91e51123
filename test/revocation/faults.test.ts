import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/emulator/index.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Followed, FollowOptions } from '../helpers/follow.ts'
import { demo, eventOf, signalOf, startFollowed } from '../helpers/follow.ts'
import type { HttpProxy, Intercept, Wire } from '../helpers/proxy.ts'
import { startProxy, startWire } from '../helpers/proxy.ts'
import { sendJson, startServer } from '../helpers/server.ts'
import { quiet, until } from '../helpers/until.ts'

const hello = 'event: connected\ndata: {}\n\n'

const denied = async (say: Followed['say'], token: string): Promise<boolean> =>
  (await say(token)).startsWith('deny ')

/** Ends the streams that the emulator was told never to end. */
let release: (() => void)[] = []
afterEach(() => {
  for (const end of release) end()
  release = []
})

/** A stream of these chunks, each sent by itself, that then stays open until the test ends. */
function streaming(...chunks: (string | Uint8Array)[]): Fault {
  async function* body(): AsyncGenerator<string | Uint8Array> {
    for (const chunk of chunks) {
      yield chunk
      await new Promise((resolve) => setImmediate(resolve))
    }
    await new Promise<void>((resolve) => release.push(resolve))
  }
  return { contentType: 'text/event-stream', body: body(), times: 1 }
}

/** A gate that reaches the emulator through a proxy which may answer in its place. */
async function startIntercepted(
  intercept: Intercept,
  options: FollowOptions = {},
): Promise<Followed & { readonly proxy: HttpProxy }> {
  let proxy: HttpProxy | undefined
  const followed = await startFollowed({
    ...options,
    through: async ({ url }) => {
      proxy = await startProxy(url, intercept)
      return proxy.url
    },
  })
  return { ...followed, proxy: proxy as HttpProxy }
}

const isList = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/api/v1/signals?')
const isStream = ({ url }: IncomingMessage): boolean => url === '/api/v1/signals/stream'
const isIdentity = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/api/v1/identities/')
const isIntrospection = ({ url }: IncomingMessage): boolean => url === '/oauth2/token/introspect'
const letThrough: Intercept = () => false

function html(response: ServerResponse, status: number): boolean {
  response.writeHead(status, { 'Content-Type': 'text/html' }).end('<h1>sorry</h1>')
  return true
}

describe('a stream that does not work: the list enforces the revocation, and it recovers', () => {
  const endless = async function* (line: string): AsyncGenerator<string> {
    yield hello
    for (let sent = 0; sent < 10_000_000; sent += line.length * 4_096) yield line.repeat(4_096)
    await new Promise<void>((resolve) => release.push(resolve))
  }
  const stream = (body: Fault['body']): Fault => ({
    contentType: 'text/event-stream',
    ...(body === undefined ? {} : { body }),
  })
  const faults: [string, () => Fault][] = [
    ['answers 503', () => ({ status: 503 })],
    ['answers 401', () => ({ status: 401 })],
    ['answers 403', () => ({ status: 403 })],
    ['answers 204', () => ({ status: 204 })],
    ['answers HTML', () => ({ status: 200, contentType: 'text/html', body: '<h1>hello</h1>' })],
    ['answers JSON', () => ({ status: 200, body: '{"ok":true}' })],
    ['redirects', () => ({ status: 302, headers: { location: 'http://127.0.0.1:9/' } })],
    ['resets the connection', () => ({ reset: true })],
    ['never answers', () => ({ hang: true })],
    ['ends before "connected"', () => stream(': hello\n\n')],
    ['ends at once after "connected"', () => stream(hello)],
    ['sends 10 MB on one line', () => stream(endless('x'))],
    ['sends an endless event', () => stream(endless('data: x\n'))],
    ['sends an endless event with CRLF', () => stream(endless('data: x\r\n'))],
    ['sends an endless event with CR', () => stream(endless('data: x\r'))],
  ]

  it.each(faults)('%s', async (_title, fault) => {
    const { zeroid, say, aged, feed, clock, asked } = await startFollowed({ signalPoll: 2_000 })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    expect(await say(token)).toBe('allow introspected')
    zeroid.faults.set('stream', fault())
    zeroid.streams.drop('reset')
    await until(
      () => feed().state === 'lost',
      () => clock.advance(20),
    )
    await zeroid.signal({ agent })
    const before = asked()
    await until(
      () => feed().marks === 1,
      () => clock.advance(100),
    )
    expect(await say(token)).toBe('deny revoked_by_signal')
    expect(asked()).toBe(before)
    zeroid.faults.clear()
    await until(
      () => feed().state === 'live',
      () => clock.advance(200),
    )
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('answers 200 without "connected": it is not called live, and given up after five seconds', async () => {
    const { zeroid, feed, clock } = await startFollowed()
    zeroid.faults.set('stream', { ...streaming(': nothing\n\n', 'event: signal\ndata: {}\n\n') })
    zeroid.streams.drop()
    await until(() => zeroid.requests.count('stream') === 2)
    await quiet()
    expect(feed().state).toBe('lost')
    clock.advance(4_900)
    expect(feed().state).toBe('lost')
    clock.advance(200)
    await until(
      () => feed().state === 'live',
      () => clock.advance(100),
    )
  })

  it('redirects: neither stream, list nor look-up carries the credentials there', async () => {
    const elsewhere = await startServer()
    const { zeroid, feed, clock } = await startFollowed(
      { signalPoll: 5_000, adminToken: 'secret' },
      { adminToken: 'secret' },
    )
    const headers = { location: `${elsewhere.url}/api/v1/signals/stream` }
    const before = zeroid.requests.count('identities')
    zeroid.faults.set('identities', { status: 307, headers })
    await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => zeroid.requests.count('identities') > before)
    for (const route of ['stream', 'signals'] as const) {
      zeroid.faults.set(route, { status: 307, headers })
    }
    zeroid.streams.drop()
    await until(() => feed().problem?.includes('307'))
    clock.advance(5_000)
    await quiet()
    expect(elsewhere.seen).toEqual([])
    expect(feed()).toMatchObject({ state: 'lost', pending: 1 })
  })

  it('leaves no connection behind, however often it is refused with a body that does not end', async () => {
    const { zeroid, clock, proxy, feed } = await startIntercepted(letThrough)
    proxy.intercept = (request, response) => {
      if (!isStream(request)) return false
      response.writeHead(503, { 'Content-Type': 'text/html' })
      response.write('x'.repeat(1_000_000))
      return true
    }
    const before = zeroid.requests.count('signals')
    zeroid.streams.drop()
    await until(() => feed().state === 'lost' && zeroid.requests.count('signals') > before)
    const attempts = (): boolean => feed().problem === 'HTTP 503'
    await until(attempts)
    for (let attempt = 0; attempt < 30; attempt++) {
      clock.advance(10_000)
      await quiet(3)
    }
    await until(() => proxy.sockets() <= 4)
  })

  it('does not make the gate hammer the server by ending right after "connected"', async () => {
    const { zeroid, clock } = await startFollowed()
    zeroid.faults.set('stream', { contentType: 'text/event-stream', body: hello })
    zeroid.requests.reset()
    zeroid.streams.drop()
    await until(() => zeroid.requests.count('stream') >= 1)
    await quiet(100)
    // Nothing moves the clock: no attempt but the first may come without a pause.
    expect(zeroid.requests.count('stream')).toBe(1)
    for (let second = 1; second <= 60; second++) {
      clock.advance(1_000)
      await quiet(2)
    }
    expect(zeroid.requests.count('stream')).toBeLessThanOrEqual(20)
  })
})

describe('a stream that is open but silent', () => {
  it('half-open TCP: a revocation swallowed by it is seen by the renewed one', async () => {
    const { zeroid, say, aged, clock } = await startFollowed({ streamRenew: 10_000 })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    expect(await say(token)).toBe('allow introspected')
    zeroid.streams.halfOpen()
    await zeroid.signal({ agent })
    await quiet()
    expect(await say(token)).toBe('allow introspected')
    clock.advance(10_000)
    await until(() => denied(say, token))
  })

  it('half-open TCP: a revocation swallowed by it is seen by the list', async () => {
    const { zeroid, say, aged, clock, seen } = await startFollowed({ signalPoll: 5_000 })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    zeroid.streams.halfOpen()
    await zeroid.signal({ agent })
    clock.advance(5_000)
    await until(() => denied(say, token))
    expect(seen.signals).toEqual(['revoking by list'])
  })

  it('a replica: a signal that the stream never brings is denied within a poll, and counted', async () => {
    const { zeroid, say, aged, clock, seen, feed } = await startFollowed({ signalPoll: 5_000 })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    zeroid.streams.silent(true)
    await zeroid.signal({ agent })
    clock.advance(5_000)
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
    expect(feed().state).toBe('live')
    expect(seen.missed).toEqual([])
    clock.advance(5_000)
    await until(() => seen.missed.length === 1)
    expect(seen.missed).toEqual(['acct-demo/proj-demo'])
  })

  it('a signal that the stream brings late is not counted as missed', async () => {
    const { zeroid, aged, clock, seen, feed } = await startFollowed({ signalPoll: 5_000 })
    const agent = await zeroid.agent()
    await aged(agent)
    zeroid.streams.delay(100)
    await zeroid.signal({ agent })
    clock.advance(5_000)
    await until(() => feed().marks === 1)
    await quiet(120)
    clock.advance(5_000)
    await quiet()
    expect(seen.missed).toEqual([])
  })

  it('a queue that overflowed: the signals that were dropped are enforced by the list', async () => {
    const { zeroid, say, aged, clock, seen, feed } = await startFollowed(
      { signalPoll: 5_000 },
      { streamQueue: 5 },
    )
    const agents = await Promise.all(Array.from({ length: 40 }, () => zeroid.agent()))
    const tokens = await Promise.all(agents.map((agent) => aged(agent)))
    await Promise.all(agents.map((agent) => zeroid.signal({ agent })))
    clock.advance(5_000)
    await until(() => feed().marks === 40)
    for (const token of tokens) expect(await say(token)).toBe('deny revoked_by_signal')
    clock.advance(5_000)
    await until(() => seen.missed.length === 35)
  })
})

describe('what comes on the stream', () => {
  const frames: [string, (json: string) => (string | Uint8Array)[]][] = [
    ['LF', (json) => [hello, `event: signal\ndata: ${json}\n\n`]],
    ['CRLF', (json) => [hello, `event: signal\r\ndata: ${json}\r\n\r\n`]],
    // Whether a last CR is half of a CRLF shows at the next byte.
    ['CR', (json) => [hello, `event: signal\rdata: ${json}\r\r`, ':\r']],
    [
      'a CRLF that is cut in two',
      (json) => [hello, `event: signal\r`, `\ndata: ${json}\r\n\r`, '\n'],
    ],
    ['a byte order mark', (json) => [`\ufeff${hello}`, `event: signal\ndata: ${json}\n\n`]],
    [
      'byte by byte',
      (json) =>
        [...Buffer.from(`${hello}event: signal\ndata: ${json}\n\n`)].map((byte) => Buffer.of(byte)),
    ],
    [
      'comments and unknown fields',
      (json) => [hello, `: hi\nfoo: bar\nevent: signal\n:\ndata: ${json}\n\n`],
    ],
    ['no space after the colon', (json) => [hello, `event:signal\ndata:${json}\n\n`]],
    ['data before the event name', (json) => [hello, `data: ${json}\nevent: signal\n\n`]],
    [
      'data over several lines',
      (json) => [
        hello,
        `event: signal\n${JSON.stringify(JSON.parse(json), null, 1).replaceAll(/^/gm, 'data: ')}\n\n`,
      ],
    ],
    ['id and retry fields', (json) => [hello, `retry: 1\nid: 7\nevent: signal\ndata: ${json}\n\n`]],
    ['"connected" twice', (json) => [hello, hello, `event: signal\ndata: ${json}\n\n`]],
    [
      'events of other names before it',
      (json) => [hello, `event: ping\ndata: {}\n\ndata: hi\n\nevent: signal\ndata: ${json}\n\n`],
    ],
  ]

  it.each(frames)('a signal framed with %s is enforced', async (_title, frame) => {
    const { zeroid, say, aged, feed, clock, seen } = await startFollowed()
    const agent = await zeroid.agent()
    const token = await aged(agent)
    zeroid.faults.set('stream', streaming(...frame(JSON.stringify(signalOf(agent, clock.now())))))
    zeroid.streams.drop()
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
    await until(() => feed().state === 'live')
    expect(seen.signals).toEqual(['revoking by stream'])
  })

  it('line ends inside the JSON are data, not events', async () => {
    const { zeroid, say, aged, feed, clock, seen } = await startFollowed()
    const [agent, victim] = [await zeroid.agent(), await zeroid.agent()]
    const token = await aged(victim)
    const forged = `x\n\n${eventOf(signalOf(victim, clock.now()))}`
    zeroid.streams.raw(eventOf(signalOf(agent, clock.now(), { payload: { forged } })))
    await until(() => feed().marks === 1)
    await quiet()
    expect(seen.signals).toEqual(['revoking by stream'])
    expect(await say(token)).toBe('allow introspected')
  })

  it.each([
    ['an event of another name', (json: string) => `event: other\ndata: ${json}\n\n`],
    ['an event without a name', (json: string) => `data: ${json}\n\n`],
    ['an event that is not ended', (json: string) => `event: signal\ndata: ${json}\n`],
    ['a comment', (json: string) => `: event: signal\n: data: ${json}\n\n`],
  ])('%s is no signal', async (_title, frame) => {
    const { zeroid, say, aged, feed, clock, seen } = await startFollowed()
    const agent = await zeroid.agent()
    const token = await aged(agent)
    zeroid.streams.raw(frame(JSON.stringify(signalOf(agent, clock.now()))))
    await quiet()
    expect(await say(token)).toBe('allow introspected')
    expect(feed()).toMatchObject({ state: 'live', marks: 0, pending: 0 })
    expect(seen.signals).toEqual([])
  })

  it.each([
    ['no JSON', 'gibberish'],
    ['cut JSON', '{"id":"a"'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['no tenant', '{"id":"a","identity_id":"b"}'],
    ['a tenant of the wrong type', '{"id":"a","account_id":1,"project_id":{}}'],
  ])('a signal that is %s makes the list be read at once', async (_title, data) => {
    const { zeroid, aged, say, feed, seen } = await startFollowed()
    const agent = await zeroid.agent()
    const token = await aged(agent)
    zeroid.streams.silent(true)
    await zeroid.signal({ agent })
    const before = zeroid.requests.count('signals')
    zeroid.streams.raw(`event: signal\ndata: ${data}\n\n`)
    await until(() => feed().marks === 1)
    expect(await say(token)).toBe('deny revoked_by_signal')
    expect(seen.signals).toEqual(['unreadable by stream', 'revoking by list'])
    expect(zeroid.requests.count('signals')).toBe(before + 1)
    expect(feed().state).toBe('live')
  })

  it('until the list was read after such a signal every token is asked about', async () => {
    const { zeroid, aged, say, asked, feed } = await startFollowed()
    const [alive, dead] = [await aged(), await aged()]
    for (const token of [alive, dead]) expect(await say(token)).toBe('allow introspected')
    zeroid.faults.set('signals', { status: 500 })
    await zeroid.revoke(dead)
    zeroid.streams.raw('event: signal\ndata: gibberish\n\n')
    await until(() => feed().state === 'lost')
    const before = asked()
    expect(await say(dead)).toBe('deny token_inactive')
    expect(await say(alive)).toBe('allow introspected')
    expect(asked()).toBe(before + 2)
    zeroid.faults.clear()
    zeroid.streams.drop()
    await until(() => feed().state === 'live')
    expect(feed().pending).toBe(0)
  })

  it('until the list was read after such a signal a mint is no evidence', async () => {
    const { zeroid, say, feed } = await startFollowed()
    zeroid.faults.set('signals', { status: 500 })
    zeroid.streams.raw('event: signal\ndata: gibberish\n\n')
    await until(() => feed().state === 'lost')
    expect(await say(await zeroid.mint())).toBe('allow introspected')
  })

  it('a signal that names nobody makes every earlier token be asked about', async () => {
    const { zeroid, aged, say, asked, seen, clock } = await startFollowed()
    const [alive, dead] = [await aged(), await aged()]
    for (const token of [alive, dead]) expect(await say(token)).toBe('allow introspected')
    await zeroid.revoke(dead)
    zeroid.streams.raw(eventOf(signalOf({ id: 'nobody' }, clock.now())))
    await until(() => seen.signals.length === 1)
    clock.advance(3_000)
    const before = asked()
    expect(await say(alive)).toBe('allow introspected')
    expect(await say(dead)).toBe('deny token_inactive')
    expect(asked()).toBe(before + 2)
    expect(await say(alive)).toBe('allow introspected')
    expect(asked()).toBe(before + 2)
  })
})

describe('the list', () => {
  /** Answers the list instead of the server. */
  const listing =
    (signals: unknown): Intercept =>
    (request, response) => {
      if (!isList(request)) return false
      sendJson(response, { signals })
      return true
    }

  it.each([
    ['500', (response: ServerResponse) => html(response, 500)],
    ['HTML', (response: ServerResponse) => html(response, 200)],
    ['404', (response: ServerResponse) => html(response, 404)],
    [
      'no list',
      (response: ServerResponse) => {
        sendJson(response, { signals: 'none' })
        return true
      },
    ],
    [
      'no "signals"',
      (response: ServerResponse) => {
        sendJson(response, {})
        return true
      },
    ],
    [
      'more than it may',
      (response: ServerResponse) => {
        sendJson(response, { signals: Array.from({ length: 501 }, () => ({})) })
        return true
      },
    ],
    [
      'a reset',
      (response: ServerResponse) => {
        response.destroy()
        return true
      },
    ],
  ])(
    'fails with %s: not ready and not live before, told, and recovers by itself',
    async (_title, answer) => {
      const { gate, say, feed, clock, proxy, aged } = await startIntercepted(
        (request, response) => isList(request) && answer(response),
        { soon: true, signalPoll: 5_000 },
      )
      const token = await aged()
      await until(() => feed().problem !== undefined)
      expect(gate.status().ready).toBe(false)
      expect(feed()).toMatchObject({ state: 'connecting', knownSince: undefined })
      expect(await say(token)).toBe('allow introspected')
      proxy.intercept = letThrough
      await until(
        () => gate.status().ready && feed().state === 'live',
        () => clock.advance(500),
      )
      expect(feed().problem).toBeUndefined()
    },
  )

  it.each([
    ['is empty', []],
    ['is null', null],
  ])('%s: what was known stays known', async (_title, signals) => {
    const { zeroid, say, aged, feed, clock, proxy } = await startIntercepted(letThrough, {
      signalPoll: 5_000,
    })
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    let listed = 0
    const answer = listing(signals)
    proxy.intercept = (request, response) => {
      if (isList(request)) listed++
      return answer(request, response)
    }
    clock.advance(5_000)
    await until(() => listed === 1)
    // The next poll is due only when this one was taken.
    await until(
      () => listed === 2,
      () => clock.advance(1_000),
    )
    expect(await say(token)).toBe('deny revoked_by_signal')
    expect(feed()).toMatchObject({ state: 'live', marks: 1, knownSince: new Date(0).toISOString() })
  })

  it('shrinks: what was known stays known, and what is new is taken', async () => {
    const { zeroid, say, aged, feed, clock, proxy } = await startIntercepted(letThrough, {
      signalPoll: 5_000,
    })
    const [first, second] = [await zeroid.agent(), await zeroid.agent()]
    const tokens = [await aged(first), await aged(second)]
    await zeroid.signal({ agent: first })
    await zeroid.signal({ agent: first })
    await until(() => feed().marks === 1)
    proxy.intercept = listing([signalOf(second, clock.now())])
    clock.advance(5_000)
    await until(() => feed().marks === 2)
    for (const token of tokens) expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('holds rows that cannot be read: the others are enforced, every earlier token is asked about', async () => {
    const { zeroid, say, aged, feed, clock, proxy, asked, seen } = await startIntercepted(
      letThrough,
      { signalPoll: 5_000 },
    )
    const agent = await zeroid.agent()
    const [victim, alive, dead] = [await aged(agent), await aged(), await aged()]
    for (const token of [victim, alive, dead]) expect(await say(token)).toMatch(/^allow/)
    await zeroid.revoke(dead)
    const rows = [null, 7, 'x', {}, { id: 'only' }, signalOf(agent, clock.now())]
    proxy.intercept = listing(rows)
    clock.advance(5_000)
    await until(() => feed().marks === 1)
    expect(seen.signals.filter((signal) => signal === 'unreadable by list')).toHaveLength(5)
    clock.advance(3_000)
    const before = asked()
    expect(await say(victim)).toBe('deny revoked_by_signal')
    expect(await say(dead)).toBe('deny token_inactive')
    expect(await say(alive)).toBe('allow introspected')
    expect(asked()).toBe(before + 2)
    clock.advance(5_000)
    await quiet()
    expect(await say(alive)).toBe('allow introspected')
    expect(asked()).toBe(before + 2)
  })

  it('shows one more row that cannot be read: it is not taken for the earlier one', async () => {
    const { say, aged, clock, proxy, asked, seen } = await startIntercepted(listing([null]), {
      signalPoll: 5_000,
    })
    const token = await aged()
    clock.advance(3_000)
    expect(await say(token)).toBe('allow introspected')
    proxy.intercept = listing([null, null])
    clock.advance(5_000)
    await until(() => seen.signals.length === 2)
    clock.advance(3_000)
    const before = asked()
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(before + 1)
  })

  it('brings 500 rows that are all new: tokens from before are asked again, later ones are not', async () => {
    const { zeroid, say, aged, feed, clock, proxy, asked } = await startIntercepted(letThrough, {
      signalPoll: 5_000,
    })
    const before = await aged()
    const dead = await aged()
    for (const token of [before, dead]) expect(await say(token)).toBe('allow introspected')
    clock.advance(4_000)
    await zeroid.revoke(dead)
    const oldest = clock.now() - 1_000
    const rows = Array.from({ length: 500 }, (_row, index) =>
      signalOf({ id: randomUUID() }, oldest + 499 - index, { severity: 'low' }),
    )
    proxy.intercept = listing(rows)
    clock.advance(1_000)
    await until(() => feed().knownSince === new Date(oldest).toISOString())
    const asks = asked()
    expect(await say(before)).toBe('allow introspected')
    expect(await say(dead)).toBe('deny token_inactive')
    expect(asked()).toBe(asks + 2)
    // What a missed signal revoked may have been revoked a moment later: asked once more.
    clock.advance(2_001)
    expect(await say(before)).toBe('allow introspected')
    expect(asked()).toBe(asks + 3)
    expect(await say(before)).toBe('allow introspected')
    expect(await say(await zeroid.mint())).toBe('allow minted')
    expect(asked()).toBe(asks + 3)
  })

  it('is not read again and again while the stream brings signals that can be read', async () => {
    const { zeroid, feed } = await startFollowed()
    const before = zeroid.requests.count('signals')
    for (let turn = 0; turn < 30; turn++) await zeroid.signal({ agent: await zeroid.agent() })
    await until(() => feed().marks === 30)
    expect(zeroid.requests.count('signals')).toBe(before)
  })
})

describe('the look-up of an identity during a revocation', () => {
  const failures: [string, Intercept][] = [
    ['times out', () => true],
    ['answers 500', (_request, response) => html(response, 500)],
    ['answers 404 as a proxy does', (_request, response) => html(response, 404)],
    ['answers 403', (_request, response) => html(response, 403)],
    ['answers HTML', (_request, response) => html(response, 200)],
    [
      'answers JSON without a URI',
      (_request, response) => {
        sendJson(response, { wimse_uri: 7 })
        return true
      },
    ],
    [
      'redirects',
      (_request, response) => {
        response.writeHead(302, { Location: 'http://127.0.0.1:9/' }).end()
        return true
      },
    ],
  ]

  it.each(failures)(
    '%s: the tenant is asked, and an inactive token refused',
    async (_title, fail) => {
      const { zeroid, say, aged, feed, clock, proxy, asked } = await startIntercepted(letThrough)
      const agent = await zeroid.agent()
      const [victim, other] = [await aged(agent), await aged()]
      for (const token of [victim, other]) expect(await say(token)).toBe('allow introspected')
      proxy.intercept = (request, response) => isIdentity(request) && fail(request, response)
      await zeroid.signal({ agent })
      await until(() => feed().pending === 1)
      const before = asked()
      expect(await say(other)).toBe('allow introspected')
      expect(await say(other)).toBe('allow introspected')
      expect(asked()).toBe(before + 2)
      expect(await say(victim)).toBe('deny token_inactive')
      proxy.intercept = letThrough
      // One that is never answered ends by the clock of the machine, after three seconds.
      await until(
        () => feed().pending === 0 && feed().marks === 1,
        () => clock.advance(100),
      )
      const settled = asked()
      expect(await say(other)).toMatch(/^allow /)
      expect(await say(other)).toMatch(/^allow /)
      expect(asked()).toBeLessThanOrEqual(settled + 1)
    },
  )

  it('answers 404: the signal was about another tenant, which revokes nothing here', async () => {
    const { zeroid, say, aged, feed, seen, asked } = await startFollowed()
    const token = await aged()
    expect(await say(token)).toBe('allow introspected')
    const before = asked()
    await zeroid.signal({ identityId: randomUUID() })
    await until(() => seen.signals.includes('other_identity by stream'))
    expect(feed()).toMatchObject({ marks: 0, pending: 0 })
    expect(await say(token)).toBe('allow introspected')
    expect(asked()).toBe(before)
  })

  it('and the server cannot be asked either: 503, never an allow from memory', async () => {
    const { zeroid, say, aged, feed, present, proxy } = await startIntercepted(letThrough)
    const agent = await zeroid.agent()
    const [victim, other] = [await aged(agent), await aged()]
    for (const token of [victim, other]) expect(await say(token)).toBe('allow introspected')
    proxy.intercept = (request, response) =>
      (isIdentity(request) || isIntrospection(request)) && html(response, 500)
    await zeroid.signal({ agent })
    await until(() => feed().pending === 1)
    expect((await present(victim)).status).toBe(503)
    expect((await present(other)).status).toBe(503)
  })

  it('an identity that was renamed since: its tokens are refused within the bound', async () => {
    const { zeroid, say, aged, feed, clock, proxy } = await startIntercepted(letThrough)
    const agent = await zeroid.agent()
    const token = await aged(agent)
    expect(await say(token)).toBe('allow introspected')
    proxy.intercept = (request, response) => {
      if (!isIdentity(request)) return false
      sendJson(response, { wimse_uri: 'spiffe://highflame.ai/acct-demo/proj-demo/agent/new-name' })
      return true
    }
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    clock.advance(30_001)
    expect(await say(token)).toBe('deny token_inactive')
  })
})

it('an agent renamed while its old name was known: its tokens under both names die', async () => {
  const { zeroid, say, aged, feed, clock, proxy } = await startIntercepted(letThrough)
  const agent = await zeroid.agent()
  const [before, after] = [await aged(agent), await aged(agent)]
  const renamed = 'spiffe://highflame.ai/acct-demo/proj-demo/agent/new-name'
  await zeroid.signal({ agent, severity: 'high' })
  await until(() => feed().marks === 1)
  const later = await zeroid.mint({ agent, iat: Math.floor(clock.now() / 1000) + 10 })
  clock.advance(90_000)
  expect(await say(later)).toBe('allow introspected')
  proxy.intercept = (request, response) => {
    if (!isIdentity(request)) return false
    sendJson(response, { wimse_uri: renamed })
    return true
  }
  await zeroid.signal({ agent })
  await until(() => feed().marks === 2)
  for (const token of [before, after, later])
    expect(await say(token)).toBe('deny revoked_by_signal')
})

describe('floods', () => {
  it('12 000 signals about unknown identities: bounded look-ups, the victim dies, nobody comes back', async () => {
    const { zeroid, say, aged, feed, clock, seen } = await startFollowed(
      {},
      { streamQueue: 100_000 },
    )
    const [early, late] = [await zeroid.agent(), await zeroid.agent()]
    const [revoked, victim, alive] = [await aged(early), await aged(late), await aged()]
    await zeroid.signal({ agent: early })
    await until(() => feed().marks === 1)
    for (const token of [victim, alive]) expect(await say(token)).toBe('allow introspected')
    const flood = Array.from({ length: 12_000 }, () => zeroid.signal({ identityId: randomUUID() }))
    flood.push(zeroid.signal({ agent: late }))
    await Promise.all(flood)
    await until(
      () => seen.signals.filter((signal) => signal === 'revoking by stream').length === 12_002,
    )
    expect(await say(victim)).toMatch(/^deny /)
    expect(await say(revoked)).toBe('deny revoked_by_signal')
    expect(await say(alive)).toBe('allow introspected')
    await quiet(100)
    // Nothing moved the clock: one second's look-ups at most.
    expect(zeroid.requests.count('identities')).toBeLessThanOrEqual(500)
    expect(feed().pending).toBeLessThanOrEqual(10_000)
    await until(
      () => feed().pending === 0,
      () => clock.advance(1_000),
    )
    // Those that may be pending, and those that were settled while the flood came.
    expect(zeroid.requests.count('identities')).toBeLessThanOrEqual(11_000)
    for (const token of [victim, revoked]) expect(await say(token)).toMatch(/^deny /)
    expect(await say(alive)).toBe('allow introspected')
  })
})

describe('a server that is away', () => {
  it('for longer than the bound: 503 with Retry-After, and back by itself', async () => {
    const { zeroid, say, aged, present, clock, feed } = await startFollowed({
      signalPoll: 5_000,
      maxStaleness: 10_000,
    })
    const token = await aged()
    expect(await say(token)).toBe('allow introspected')
    await zeroid.pause()
    clock.advance(9_000)
    expect(await say(token)).toBe('allow introspected')
    clock.advance(1_001)
    const answer = await present(token)
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(answer.headers.has('www-authenticate')).toBe(false)
    await zeroid.resume()
    await until(
      async () => (await present(token)).status === 200,
      () => clock.advance(100),
    )
    await until(
      () => feed().state === 'live',
      () => clock.advance(200),
    )
  })

  it('a revocation during its absence is enforced by the list when it is back', async () => {
    const { zeroid, say, aged, clock, feed } = await startFollowed()
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.pause()
    await until(() => feed().state === 'lost')
    await zeroid.signal({ agent })
    await zeroid.resume()
    await until(
      () => feed().marks === 1,
      () => clock.advance(100),
    )
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('an outage does not bring a revoked token back', async () => {
    const { zeroid, say, aged, clock, feed } = await startFollowed()
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    await zeroid.pause()
    clock.advance(100_000)
    expect(await say(token)).toBe('deny revoked_by_signal')
  })

  it('behind a dead router: no byte, no end; 503 past the bound, and back by itself', async () => {
    let wire: Wire | undefined
    const { zeroid, say, aged, clock, feed } = await startFollowed({
      streamRenew: 10_000,
      signalPoll: 5_000,
      through: async ({ url }) => {
        wire = await startWire(url)
        return wire.url
      },
    })
    const agent = await zeroid.agent()
    const [token, victim] = [await aged(), await aged(agent)]
    for (const each of [token, victim]) expect(await say(each)).toBe('allow introspected')
    wire?.freeze()
    await zeroid.signal({ agent })
    for (let step = 0; step < 16; step++) clock.advance(1_000)
    expect(feed().state).toBe('lost')
    clock.advance(15_000)
    const [one, two] = await Promise.all([say(token), say(victim)])
    expect([one, two]).toEqual(['unknown server_unreachable', 'unknown server_unreachable'])
    wire?.thaw()
    await until(
      async () => feed().marks === 1 && (await say(token)).startsWith('allow'),
      () => clock.advance(250),
    )
    expect(await denied(say, victim)).toBe(true)
  })
})

describe('two tenants', () => {
  const second = { account: 'acct-two', project: 'proj-two' }
  const tenants = [demo, { accountId: 'acct-two', projectId: 'proj-two' }]

  it('one failing leaves the other unharmed', async () => {
    const { zeroid, say, gate, clock, proxy } = await startIntercepted(letThrough, {
      tenants,
      signalPoll: 5_000,
    })
    await until(() => gate.status().ready)
    const [sick, well] = [await zeroid.agent(), await zeroid.agent(second)]
    const iat = Math.floor(clock.now() / 1000) - 60
    const tokens = await Promise.all([sick, well].map((agent) => zeroid.mint({ agent, iat })))
    for (const token of tokens) expect(await say(token)).toBe('allow introspected')
    proxy.intercept = (request, response) =>
      (isList(request) || isStream(request) || isIdentity(request)) &&
      request.headers['x-account-id'] === demo.accountId &&
      html(response, 500)
    zeroid.streams.drop()
    const states = (): string[] => gate.status().tenants.map(({ state }) => state)
    await until(() => states().join() === 'lost,live')
    const before = zeroid.requests.count('introspect')
    await zeroid.signal({ agent: well })
    await until(() => gate.status().tenants[1]?.marks === 1)
    expect(await say(tokens[1] as string)).toBe('deny revoked_by_signal')
    expect(zeroid.requests.count('introspect')).toBe(before)
    expect(await say(await zeroid.mint({ agent: await zeroid.agent(second) }))).toBe('allow minted')
    expect(await say(await zeroid.mint({ agent: sick }))).toBe('allow introspected')
  })

  it('a signal pending in one does not make the other ask', async () => {
    const { zeroid, say, gate, proxy, asked } = await startIntercepted(letThrough, { tenants })
    await until(() => gate.status().tenants.every(({ state }) => state === 'live'))
    const [sick, well] = [await zeroid.agent(), await zeroid.agent(second)]
    const token = await zeroid.mint({ agent: well })
    expect(await say(token)).toBe('allow minted')
    proxy.intercept = (request, response) => isIdentity(request) && html(response, 500)
    await zeroid.signal({ agent: sick })
    await until(() => gate.status().tenants[0]?.pending === 1)
    expect(await say(token)).toBe('allow minted')
    expect(asked()).toBe(0)
  })
})

describe('clocks', () => {
  it.each([120_000, -120_000])(
    'a gate whose clock is %d ms off enforces revocations and refuses no good token',
    async (clockError) => {
      const { zeroid, say, aged, feed, gate, clock } = await startFollowed({ clockError })
      const agent = await zeroid.agent()
      const token = await aged(agent)
      expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
      expect(await say(token)).toBe('allow introspected')
      await zeroid.signal({ agent })
      await until(() => feed().marks === 1)
      expect(await say(token)).toBe('deny revoked_by_signal')
      clock.advance(5_000)
      expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
      expect(gate.status().clockOffset).toBeCloseTo(-clockError, -3.5)
      expect(gate.status().problems.join()).toContain('GATE_CLOCK_SKEW')
    },
  )

  it.each([120_000, -120_000])(
    'a signal without a readable date is dated by the server when the clock is %d ms off',
    async (clockError) => {
      const { zeroid, say, aged, feed, clock } = await startFollowed({ clockError })
      const agent = await zeroid.agent()
      const token = await aged(agent)
      const recent = await zeroid.mint({ agent })
      clock.advance(10_000)
      await zeroid.signal({ agent, createdAt: 'soon' })
      await until(() => feed().marks === 1)
      for (const each of [token, recent]) expect(await say(each)).toBe('deny revoked_by_signal')
      clock.advance(5_000)
      expect(await say(await zeroid.mint({ agent }))).toBe('allow minted')
    },
  )

  it.each([60_000, -60_000, 3_600_000, -3_600_000])(
    'a clock that jumps by %d ms brings no revoked token back and makes no evidence younger',
    async (jump) => {
      // The server's own clock does not jump.
      const clock = createFakeClock()
      const base = clock.now()
      const start = clock.monotonic()
      const { zeroid, say, aged, feed } = await startFollowed(
        { clock },
        { now: () => base + clock.monotonic() - start },
      )
      const agent = await zeroid.agent()
      const [victim, silent] = [await aged(agent), await aged()]
      for (const token of [victim, silent]) expect(await say(token)).toBe('allow introspected')
      await zeroid.signal({ agent })
      await until(() => feed().marks === 1)
      clock.step(jump)
      expect(await say(victim)).toMatch(/^deny /)
      await zeroid.revoke(silent)
      clock.advance(30_001)
      expect(await say(silent)).toMatch(/^deny /)
    },
  )
})

describe('restarting the server', () => {
  it('a server that lost its signals does not make the gate forget', async () => {
    const { zeroid, say, aged, feed, clock, proxy } = await startIntercepted(letThrough)
    const agent = await zeroid.agent()
    const token = await aged(agent)
    await zeroid.signal({ agent })
    await until(() => feed().marks === 1)
    proxy.intercept = (request, response) => {
      if (!isList(request)) return false
      sendJson(response, { signals: [] })
      return true
    }
    zeroid.streams.drop('reset')
    await until(
      () => feed().state === 'live',
      () => clock.advance(50),
    )
    expect(await say(token)).toBe('deny revoked_by_signal')
  })
})
