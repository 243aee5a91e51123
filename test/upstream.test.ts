import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { UpstreamError } from '../src/errors.ts'
import type { Upstream, UpstreamRequest } from '../src/upstream.ts'
import { createUpstream } from '../src/upstream.ts'
import { createHold } from './helpers/hold.ts'
import type { HostileServer, Route } from './helpers/server.ts'
import { answering, dripping, hanging, startServer } from './helpers/server.ts'

const json = 'application/json'

async function start(
  route: Route,
  base = '',
): Promise<{ server: HostileServer; upstream: Upstream; dates: unknown[]; published: boolean[] }> {
  const server = await startServer()
  server.on(`${base}/x`, route)
  const dates: unknown[] = []
  const published: boolean[] = []
  const upstream = createUpstream({
    url: server.url + base,
    connections: { tokens: 64, lists: 3, identities: 3 },
    onDate(date, _elapsed, isPublished) {
      dates.push(date)
      published.push(isPublished)
    },
  })
  onTestFinished(() => upstream.close())
  return { server, upstream, dates, published }
}

const get: UpstreamRequest = { method: 'GET', path: '/x', timeout: 10_000, limit: 1_000 }

const codeOf = async (answer: Promise<unknown>): Promise<string> =>
  await answer.then(
    () => 'answered',
    (error: unknown) => (error instanceof UpstreamError ? error.code : String(error)),
  )

describe('an answer', () => {
  test.each<readonly [string, Route, string]>([
    ['that hangs', hanging, 'timeout'],
    ['that drips', dripping, 'timeout'],
    ['over the limit', answering(200, json, `"${'x'.repeat(1_000)}"`), 'too_large'],
    [
      'over the limit, with a false length',
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': json })
        for (let i = 0; i < 200; i++) response.write('x'.repeat(1_000))
      },
      'too_large',
    ],
    ['that redirects', answering(302, json, '{}', { Location: '/y' }), 'redirected'],
    [
      'that redirects with a long body',
      answering(301, json, 'x'.repeat(100_000), { Location: '/y' }),
      'redirected',
    ],
    ['that is not modified', answering(304, json), 'redirected'],
    [
      'that is compressed',
      answering(200, json, gzipSync('{}'), { 'Content-Encoding': 'gzip' }),
      'encoded',
    ],
    [
      'that is compressed in another way',
      answering(200, json, 'x'.repeat(100_000), { 'Content-Encoding': 'br' }),
      'encoded',
    ],
    ['of an error', answering(500, json, '{}'), 'unexpected_status'],
    ['that is no JSON', answering(200, json, '{'), 'not_json'],
    ['that is empty', answering(200, json), 'not_json'],
    ['of another type', answering(200, 'text/json', '{}'), 'not_json'],
    ['of a type that only begins so', answering(200, 'application/jsonp', '{}'), 'not_json'],
    [
      'that breaks off',
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': json, 'Content-Length': '100' })
        response.write('{')
        setImmediate(() => response.destroy())
      },
      'unreachable',
    ],
    [
      'that is reset',
      (_request, response) => void response.socket?.resetAndDestroy(),
      'unreachable',
    ],
    [
      'with endless headers',
      (_request, response) =>
        void response.socket?.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`),
      'unreachable',
    ],
    ['of JSON', answering(200, json, '{"a":1}'), 'answered'],
    ['of JSON with a charset', answering(200, 'Application/JSON; charset=utf-8', '{}'), 'answered'],
    ['of a JSON dialect', answering(200, 'application/jwk-set+json', '{}'), 'answered'],
    ['up to the limit', answering(200, json, `"${'x'.repeat(998)}"`), 'answered'],
  ])('%s', async (_title, route, expected) => {
    const { server, upstream } = await start(route)
    const timeout = expected === 'timeout' ? 300 : get.timeout
    expect(await codeOf(upstream.fetchJson({ ...get, timeout }))).toBe(expected)
    expect(server.count('/y')).toBe(0)
    // The next request is not the worse for it.
    server.on('/x', { ok: true })
    expect((await upstream.fetchJson(get)).json).toEqual({ ok: true })
  })

  test('has its Date told, whatever it is', async () => {
    const { upstream, dates } = await start(answering(500, 'text/html', 'x'))
    await codeOf(upstream.send(get))
    expect(dates).toEqual([expect.stringMatching(/GMT$/)])
  })

  test.each([
    ['1', false],
    ['60', false],
    ['0', true],
    ['soon', true],
    ['60, 60', false],
  ])('of the age %s tells the present by its Date: %s', async (age, isPresent) => {
    const { upstream, published } = await start(answering(200, json, '{}', { Age: age }))
    await upstream.send(get)
    const stream = await upstream.open({ ...get, headers: {}, signal: AbortSignal.timeout(5_000) })
    stream.body.resume()
    expect(published).toEqual([!isPresent, !isPresent])
  })

  test('that is a published document has its Date told as that of one', async () => {
    const { upstream, published } = await start({ a: 1 })
    await upstream.send(get)
    await upstream.fetchJson(get)
    expect(published).toEqual([false, true])
  })
})

describe('a request', () => {
  test('goes below the path of the base URL, and says what it accepts', async () => {
    const { server, upstream } = await start({ ok: true }, '/zeroid/base')
    await upstream.send({
      ...get,
      method: 'POST',
      body: 'a=b',
      headers: { 'content-type': 'text/plain' },
    })
    expect(server.seen).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/zeroid/base/x',
        body: 'a=b',
        headers: expect.objectContaining({
          accept: json,
          'accept-encoding': 'identity',
          'content-type': 'text/plain',
        }),
      }),
    ])
    expect(createUpstream({ url: 'http://zeroid:1/base/' }).url).toBe('http://zeroid:1/base')
  })

  test('waits for no other one, up to the connections allowed', async () => {
    const hold = createHold()
    const { upstream } = await start(hold.route)
    const waiting = Array.from({ length: 64 }, () =>
      codeOf(upstream.send({ ...get, timeout: 5_000 })),
    )
    await hold.reached(64)
    hold.release()
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['answered']))
  })

  test.each(['lists', 'identities'] as const)(
    'of another kind does not wait for the %s, of which there are only so many at once',
    async (lane) => {
      const hold = createHold()
      const { server, upstream } = await start({ ok: true })
      server.on('/held', hold.route)
      const held = Array.from({ length: 20 }, () =>
        codeOf(upstream.send({ ...get, path: '/held', lane })),
      )
      await hold.reached(3)
      const others = (['tokens', 'lists', 'identities'] as const).filter((each) => each !== lane)
      for (const other of others) {
        expect(await codeOf(upstream.send({ ...get, lane: other, timeout: 2_000 }))).toBe(
          'answered',
        )
      }
      expect(hold.peak()).toBe(3)
      await upstream.close()
      expect(new Set(await Promise.all(held))).toEqual(new Set(['unreachable']))
    },
  )

  test('counts its waiting for a connection as part of its time', async () => {
    const hold = createHold()
    const { server, upstream } = await start({ ok: true })
    server.on('/held', hold.route)
    const held = Array.from({ length: 3 }, () =>
      codeOf(upstream.send({ ...get, path: '/held', lane: 'lists', timeout: 5_000 })),
    )
    await hold.reached(3)
    const late = upstream.send({ ...get, lane: 'lists', timeout: 50 })
    expect(await codeOf(late)).toBe('timeout')
    expect(server.count('/x')).toBe(0)
    hold.release()
    expect(await Promise.all(held)).toEqual(['answered', 'answered', 'answered'])
  })

  test('to nobody fails at once, and the message holds neither path nor credential', async () => {
    const { server, upstream } = await start({})
    await server.pause()
    const request = { ...get, path: '/secret-path', headers: { authorization: 'Bearer secret' } }
    const error = await upstream.send(request).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({
      name: 'UpstreamError',
      code: 'unreachable',
      message: 'ECONNREFUSED',
    })
    expect(String((error as Error).stack)).not.toContain('secret')
  })

  test('after the end fails, and one under way ends', async () => {
    const hold = createHold()
    const { upstream } = await start(hold.route)
    const waiting = codeOf(upstream.send({ ...get, timeout: 5_000 }))
    await hold.reached(1)
    await upstream.close()
    expect(await waiting).toBe('unreachable')
    expect(await codeOf(upstream.send(get))).toBe('unreachable')
  })
})

test('a certificate authority that cannot be read stops the start', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'zeroid-gate-')), 'ca.pem')
  expect(() => createUpstream({ url: 'https://zeroid', caFile: file })).toThrow('ENOENT')
  writeFileSync(file, '')
  expect(() => createUpstream({ url: 'https://zeroid', caFile: file })).toThrow(/certificate/i)
  writeFileSync(file, 'no certificate')
  expect(() => createUpstream({ url: 'https://zeroid', caFile: file })).toThrow(/certificate/i)
  writeFileSync(file, String(rootCertificates[0]).replace(/[A-Z]/, ''))
  expect(() => createUpstream({ url: 'https://zeroid', caFile: file })).toThrow(/certificate/i)
  writeFileSync(file, rootCertificates.slice(0, 2).join('\n'))
  expect(createUpstream({ url: 'https://zeroid', caFile: file }).url).toBe('https://zeroid')
})
