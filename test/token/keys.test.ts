import { createHash, generateKeyPairSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { createFakeClock } from '../helpers/clock.ts'
import type { Forge, SigningKey } from '../helpers/forge.ts'
import { createSigningKey, gist, headerOf, seal, startForge } from '../helpers/forge.ts'
import type { Route } from '../helpers/server.ts'
import {
  answering,
  dripping,
  hanging,
  introspectPath,
  jwksPath,
  metadataPath,
  startServer,
} from '../helpers/server.ts'
import { bearer, createRecorder, openDoor } from '../helpers/stack.ts'

const coolDown = 10_000
const refreshEvery = 300_000
const json = 'application/json'

/** A token under this key: issued a minute ago, or as the claims say. */
const tokenUnder = (forge: Forge, key: SigningKey, changed = {}): string =>
  seal(headerOf(key), forge.payload(changed), key)

/** A token under a key that nobody published, as a stranger would make it. */
const strange = (forge: Forge, kid: string, changed = {}): string =>
  seal({ ...headerOf(forge.ec), kid }, forge.payload(changed), forge.ec)

/** The forge's own keys, with the headers of whoever keeps them. */
const keySetOf = ({ ec, rsa }: Forge, headers: Record<string, string>): Route =>
  answering(200, json, JSON.stringify({ keys: [ec.jwk, rsa.jwk] }), headers)
const reloaded = (forge: Forge, times: number): Promise<void> =>
  vi.waitFor(() => expect(forge.server.count(jwksPath)).toBeGreaterThanOrEqual(times), {
    interval: 2,
  })

const publicJwk = (type: 'ec' | 'rsa' | 'ed25519', options: object): Record<string, unknown> => {
  const generate = generateKeyPairSync as (
    kind: string,
    how: object,
  ) => { publicKey: { export(how: object): object } }
  return { ...generate(type, options).publicKey.export({ format: 'jwk' }) }
}

describe('a key of the set', () => {
  const p256 = createSigningKey('ES256', 'dead').jwk
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rsa = createSigningKey('RS256', 'dead').jwk
  const short = publicJwk('rsa', { modulusLength: 1024 })

  test.each<readonly [string, unknown]>([
    ['a shared secret', { kty: 'oct', k: 'AAAA', alg: 'HS256' }],
    ['a shared secret that says ES256', { kty: 'oct', k: 'AAAA', alg: 'ES256' }],
    ['for encryption', { ...p256, use: 'enc' }],
    ['for encryption (RSA)', { ...rsa, use: 'enc' }],
    ['of another use', { ...p256, use: 'SIG' }],
    ['for signing only', { ...p256, use: undefined, key_ops: ['sign'] }],
    ['for operations of a wrong type', { ...p256, key_ops: 'verify' }],
    ['RSA of 1024 bits', { ...short, alg: 'RS256' }],
    [
      'RSA of 2047 bits',
      {
        ...rsa,
        n: Buffer.concat([Buffer.from([0x7f]), Buffer.alloc(255, 0xff)]).toString('base64url'),
      },
    ],
    [
      'RSA padded to 2048 bits',
      {
        ...short,
        alg: 'RS256',
        n: Buffer.concat([Buffer.alloc(128), Buffer.from(String(short.n), 'base64url')]).toString(
          'base64url',
        ),
      },
    ],
    ['RSA of 16 384 bits', { ...rsa, n: Buffer.alloc(2048, 0xff).toString('base64url') }],
    ['RSA with exponent 1', { ...rsa, e: 'AQ' }],
    ['RSA with exponent 0', { ...rsa, e: 'AA' }],
    ['RSA with an even exponent', { ...rsa, e: 'AQAA' }],
    ['RSA without modulus', { ...rsa, n: undefined }],
    ['RSA with a number for a modulus', { ...rsa, n: 65_537 }],
    ['RSA for PS256', { ...rsa, alg: 'PS256' }],
    ['RSA for RS512', { ...rsa, alg: 'RS512' }],
    ['RSA that says ES256', { ...rsa, alg: 'ES256' }],
    ['EC that says RS256', { ...p256, alg: 'RS256' }],
    ['P-384', { ...publicJwk('ec', { namedCurve: 'P-384' }), alg: 'ES384' }],
    ['P-384 that says ES256', { ...publicJwk('ec', { namedCurve: 'P-384' }), alg: 'ES256' }],
    [
      'P-384 that says P-256',
      { ...publicJwk('ec', { namedCurve: 'P-384' }), crv: 'P-256', alg: 'ES256' },
    ],
    ['secp256k1', { ...publicJwk('ec', { namedCurve: 'secp256k1' }), alg: 'ES256' }],
    ['Ed25519', { ...publicJwk('ed25519', {}), alg: 'EdDSA' }],
    ['off the curve', { ...p256, y: p256.x }],
    ['at zero', { ...p256, x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['with a coordinate missing', { ...p256, y: undefined }],
    ['with a short coordinate', { ...p256, x: String(p256.x).slice(0, 20) }],
    ['with a coordinate of a wrong type', { ...p256, x: [p256.x] }],
    ['without an algorithm', { ...p256, alg: undefined }],
    ['of an unknown type', { ...p256, kty: 'AKP' }],
    ['of a type in lower case', { ...p256, kty: 'ec' }],
    ['without a kid', { ...p256, kid: undefined }],
    ['with an empty kid', { ...p256, kid: '' }],
    ['with a number for a kid', { ...p256, kid: 7 }],
    ['null', null],
    ['a text', 'dead'],
    ['a list', [p256]],
    ['nothing', {}],
  ])('that is %s is dead, and the others live', async (_title, jwk) => {
    const forge = await startForge()
    const dead =
      typeof jwk === 'object' && jwk !== null && !Array.isArray(jwk) ? { kid: 'dead', ...jwk } : jwk
    forge.server.on(jwksPath, { keys: [forge.ec.jwk, dead, forge.rsa.jwk] })
    expect(gist(await forge.check(strange(forge, 'dead')))).toBe('unknown_key')
    expect(forge.gate.status().keys.kids).toEqual(['ec-1', 'rsa-1'])
    expect(gist(await forge.check(forge.token()))).toBe('allow')
    expect(gist(await forge.check(tokenUnder(forge, forge.rsa)))).toBe('allow')
  })

  test('with exponent 1 does not let a signature made without a key through', async () => {
    const forge = await startForge()
    forge.server.on(jwksPath, { keys: [{ ...rsa, kid: 'weak', e: 'AQ' }, forge.ec.jwk] })
    const input = [{ alg: 'RS256', kid: 'weak', typ: 'JWT' }, JSON.parse(forge.payload())]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    // RFC 8017 §9.2: the padded digest is its own signature where e is 1.
    const digest = Buffer.concat([
      Buffer.from('3031300d060960864801650304020105000420', 'hex'),
      createHash('sha256').update(input).digest(),
    ])
    const padded = Buffer.concat([
      Buffer.from([0, 1]),
      Buffer.alloc(256 - 3 - digest.length, 0xff),
      Buffer.from([0]),
      digest,
    ])
    expect(gist(await forge.check(`${input}.${padded.toString('base64url')}`))).toBe('unknown_key')
  })

  test('that was published with its private part works by its public part', async () => {
    const forge = await startForge()
    const leaked = { ...privateKey.export({ format: 'jwk' }), kid: 'leaked', alg: 'ES256' }
    forge.server.on(jwksPath, { keys: [leaked] })
    const key = { ...forge.ec, kid: 'leaked', privateKey }
    expect(gist(await forge.check(tokenUnder(forge, key)))).toBe('allow')
  })

  test('whose kid another usable key has is not used, and neither is the other', async () => {
    const forge = await startForge()
    const twin = createSigningKey('ES256', 'twin')
    forge.server.on(jwksPath, {
      keys: [
        twin.jwk,
        createSigningKey('ES256', 'twin').jwk,
        { ...rsa, kid: 'twin' },
        forge.ec.jwk,
      ],
    })
    expect(gist(await forge.check(tokenUnder(forge, twin)))).toBe('unknown_key')
    expect(forge.gate.status().keys.kids).toEqual(['ec-1'])
  })
})

const added = createSigningKey('ES256', 'added')
const bigSet = JSON.stringify({ keys: [added.jwk], padding: 'x'.repeat(10_000_000) })

describe('a key set that cannot be used', () => {
  test.each<readonly [string, Route]>([
    ['a 500', answering(500, json, JSON.stringify({ keys: [added.jwk] }))],
    ['a 401', answering(401, json, JSON.stringify({ keys: [added.jwk] }))],
    ['a 204', answering(204, json)],
    ['an HTML page', answering(200, 'text/html', '<html><title>Login</title></html>')],
    [
      'JSON that says it is HTML',
      answering(200, 'text/html', JSON.stringify({ keys: [added.jwk] })),
    ],
    ['broken JSON', answering(200, json, '{"keys":[')],
    ['nothing', answering(200, json, '')],
    ['null', answering(200, json, 'null')],
    ['a list', answering(200, json, JSON.stringify([added.jwk]))],
    ['a set without keys', answering(200, json, '{}')],
    ['a set with keys: null', answering(200, json, '{"keys":null}')],
    ['a set that inherits its keys', answering(200, json, '{"__proto__":{"keys":[]}}')],
    ['an empty set', answering(200, json, '{"keys":[]}')],
    ['101 keys', answering(200, json, JSON.stringify({ keys: Array(101).fill(added.jwk) }))],
    ['10 MB', answering(200, json, bigSet)],
    [
      '10 MB in chunks',
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': json })
        response.end(bigSet)
      },
    ],
    ['a redirect', answering(302, json, '', { Location: '/other' })],
    [
      'a redirect with a body',
      answering(307, json, JSON.stringify({ keys: [added.jwk] }), { Location: '/other' }),
    ],
    [
      'a compressed set',
      answering(200, json, gzipSync(JSON.stringify({ keys: [added.jwk] })), {
        'Content-Encoding': 'gzip',
      }),
    ],
    ['a gzip bomb', answering(200, json, gzipSync(bigSet), { 'Content-Encoding': 'gzip' })],
    [
      'a doubly compressed set',
      answering(200, json, gzipSync(gzipSync('{}')), { 'Content-Encoding': 'gzip, gzip' }),
    ],
    [
      'half an answer',
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': json, 'Content-Length': '1000' })
        response.write('{"keys":[')
        setImmediate(() => response.destroy())
      },
    ],
    ['a reset', (_request, response) => void response.socket?.resetAndDestroy()],
    ['no HTTP', (_request, response) => void response.socket?.end('SSH-2.0-OpenSSH_9.9\r\n')],
  ])('because it is %s leaves the last one in force', async (_title, route) => {
    const clock = createFakeClock()
    const recorder = createRecorder()
    const forge = await startForge({ clock, observer: recorder })
    expect(gist(await forge.check(forge.token()))).toBe('allow')
    forge.server.on('/other', { keys: [added.jwk] })
    forge.server.on(jwksPath, route)

    expect(gist(await forge.check(tokenUnder(forge, added)))).toBe('unknown_key')
    expect(
      gist(
        await forge.check(
          tokenUnder(forge, added, { iat: String(Math.floor(clock.now() / 1000)) }),
        ),
      ),
    ).toBe('key_not_seen_yet')
    expect(forge.gate.status().keys).toMatchObject({
      kids: ['ec-1', 'rsa-1'],
      problem: expect.any(String),
    })
    expect(forge.gate.status()).toMatchObject({
      ready: true,
      warnings: [expect.stringContaining('keys')],
    })
    expect(recorder.notes.some(({ message }) => message.startsWith('JWKS'))).toBe(true)
    expect(gist(await forge.check(forge.token()))).toBe('allow')
    expect(forge.server.count('/other')).toBe(0)

    forge.server.on(jwksPath, { keys: [added.jwk] })
    clock.advance(coolDown)
    await vi.waitFor(async () =>
      expect(gist(await forge.check(tokenUnder(forge, added)))).toBe('allow'),
    )
    expect(forge.gate.status()).toMatchObject({ ready: true, warnings: [] })
  })

  test('because it never ends is given up, and requests meanwhile wait no longer', async () => {
    const [hung, dripped] = await Promise.all([startForge(), startForge()])
    hung.server.on(jwksPath, hanging)
    dripped.server.on(jwksPath, dripping)
    const started = performance.now()
    for (const forge of [hung, dripped]) {
      const waiting = forge.check(tokenUnder(forge, added))
      // Others are not held up.
      expect(gist(await forge.check(forge.token()))).toBe('allow')
      void waiting
    }
    expect(performance.now() - started).toBeLessThan(2_500)
    const verdicts = await Promise.all(
      [hung, dripped].map((forge) => forge.check(tokenUnder(forge, added))),
    )
    expect(verdicts.map(gist)).toEqual(['unknown_key', 'unknown_key'])
    expect(performance.now() - started).toBeLessThan(10_000)
    expect([hung, dripped].map((forge) => forge.server.count(jwksPath))).toEqual([2, 2])
    expect(hung.gate.status().keys.problem).toMatch(/3000 ms/)
  })
})

describe('an unknown kid', () => {
  test.each<readonly [string, Route | undefined]>([
    ['while the server answers', undefined],
    ['while the server fails', answering(500, json)],
    ['while the server redirects', answering(302, json, '', { Location: jwksPath })],
  ])(
    'ten thousand times over costs one load for each cool-down, %s',
    async (_title, route) => {
      const clock = createFakeClock()
      const forge = await startForge({ clock })
      if (route !== undefined) forge.server.on(jwksPath, route)
      const [, payload, signature] = forge.token().split('.')
      let serial = 0
      const flood = async (count: number): Promise<Set<string>> => {
        const verdicts = await Promise.all(
          Array.from({ length: count }, () => {
            const header = Buffer.from(`{"alg":"ES256","kid":"kid-${serial++}"}`).toString(
              'base64url',
            )
            return forge.check(`${header}.${payload}.${signature}`)
          }),
        )
        return new Set(verdicts.map(gist))
      }
      const before = forge.server.count(jwksPath)
      expect(await flood(5_000)).toEqual(new Set(['unknown_key']))
      expect(await flood(3_000)).toEqual(new Set(['unknown_key']))
      expect(forge.server.count(jwksPath) - before).toBe(1)
      // Nine seconds later nothing has changed; the periodic retry after a failure is no stranger's.
      const retries = route === undefined ? 0 : 10
      for (let second = 0; second < 9; second++) {
        clock.advance(1_000)
        await flood(100)
      }
      expect(forge.server.count(jwksPath) - before).toBeLessThanOrEqual(1 + retries)
      clock.advance(1_000)
      await flood(1_100)
      expect(forge.server.count(jwksPath) - before).toBeLessThanOrEqual(2 + retries)
      if (route === undefined) expect(forge.server.count(jwksPath) - before).toBe(2)
      expect(forge.gate.status().tokens).toBe(0)
      expect(forge.server.count(introspectPath)).toBe(0)
    },
    30_000,
  )

  test('that the server has published meanwhile is let in at its first token', async () => {
    const forge = await startForge()
    forge.server.on(jwksPath, { keys: [added.jwk, forge.ec.jwk] })
    const fresh = { iat: String(Math.floor(Date.now() / 1000)) }
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, () => forge.check(tokenUnder(forge, added, fresh))),
    )
    expect(new Set(verdicts.map(gist))).toEqual(new Set(['allow']))
    expect(forge.server.count(jwksPath)).toBe(2)
  })

  test.each([
    ['in the second of the load', 0, 0],
    ['a second later', 1_000, 0],
    ['nine seconds later', 9_000, 0],
    ['while the server is four seconds behind', 1_000, -4_000],
    ['while the server is four seconds ahead', 1_000, 4_000],
  ])(
    'that is published during the cool-down is a 503, not a 401: %s',
    async (_title, later, offset) => {
      const clock = createFakeClock(Math.floor(Date.now() / 1000) * 1000 + 200)
      const server = await startServer(() => clock.now() + offset)
      const first = createSigningKey('ES256', 'first')
      server.on(jwksPath, { keys: [first.jwk] })
      const door = await openDoor({ url: server.url, signals: false, clock })
      const forge = { ...(await startForge({ clock })), server }
      const payload = (): string =>
        JSON.stringify({
          ...JSON.parse(forge.payload()),
          iss: server.url,
          iat: Math.floor((clock.now() + offset) / 1000),
        })
      await door.gate.check(bearer(strange(forge, 'stranger')))
      expect(server.count(jwksPath)).toBe(2)

      clock.advance(later)
      server.on(jwksPath, { keys: [added.jwk, first.jwk] })
      const token = seal(headerOf(added), payload(), added)
      const answer = await door.present(token)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '10'])
      expect(answer.headers.get('www-authenticate')).toBeNull()
      expect(server.count(jwksPath)).toBe(2)

      clock.advance(coolDown)
      expect((await door.present(token)).status).toBe(200)
    },
  )

  test('on a token issued before the set was loaded is a 401 throughout', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock })
    for (const pause of [0, 1_000, coolDown, 1_000]) {
      clock.advance(pause)
      expect(gist(await forge.check(strange(forge, 'stranger')))).toBe('unknown_key')
    }
  })

  test('on a token that arrived before a successful load is a 401, however new it is', async () => {
    const forge = await startForge()
    const iat = String(Math.floor(Date.now() / 1000))
    expect(gist(await forge.check(strange(forge, 'stranger', { iat })))).toBe('unknown_key')
  })

  test('that was withdrawn is a 401 throughout, however slow our clock is', async () => {
    const clock = createFakeClock(Date.now() - 120_000)
    const forge = await startForge({ clock })
    const iat = String(Math.floor(Date.now() / 1000) - 60)
    const dated = { Date: new Date().toUTCString() }
    forge.server.on(jwksPath, keySetOf(forge, dated))
    for (const kid of ['one', 'other']) {
      expect(gist(await forge.check(strange(forge, kid, { iat })))).toBe('unknown_key')
    }
  })

  test('that is newer than the set which a cache keeps is a 503', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock })
    clock.advance(120_000)
    const keptAt = new Date(clock.now() - 60_000).toUTCString()
    const kept = { Date: keptAt, Age: '60' }
    forge.server.on(jwksPath, keySetOf(forge, kept))
    const issued = (ago: number): { iat: string } => ({
      iat: String(Math.floor(clock.now() / 1000) - ago),
    })
    for (const kid of ['one', 'other']) {
      expect(gist(await forge.check(strange(forge, kid, issued(30))))).toBe('key_not_seen_yet')
      expect(gist(await forge.check(strange(forge, kid, issued(90))))).toBe('unknown_key')
    }
  })

  test.each([
    ['writes a Date of its own', '60', 30],
    ['has just asked', '0', 0],
    ['stands behind another one', '60, 60', 30],
  ])('that is newer than the set of a cache which %s is a 503', async (_title, Age, ago) => {
    const clock = createFakeClock()
    const forge = await startForge({ clock })
    clock.advance(120_000)
    forge.server.on(jwksPath, keySetOf(forge, { Age }))
    const iat = String(Math.floor(clock.now() / 1000) - ago)
    expect(gist(await forge.check(strange(forge, 'one', { iat })))).toBe('key_not_seen_yet')
  })

  test('does not bring a withdrawn key back, where a cache has an older set', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock })
    forge.server.on(jwksPath, { keys: [added.jwk, forge.rsa.jwk] })
    expect(gist(await forge.check(tokenUnder(forge, added)))).toBe('allow')
    clock.advance(coolDown + 1_000)
    forge.server.on(jwksPath, keySetOf(forge, { Age: '120' }))
    await forge.check(strange(forge, 'stranger'))
    expect(forge.gate.status().keys.kids).toEqual(['added', 'rsa-1'])
    expect(gist(await forge.check(forge.token()))).toBe('unknown_key')
    expect(gist(await forge.check(tokenUnder(forge, added, { jti: '"new"' })))).toBe('allow')
  })

  test('on a token from far in the future is a 401', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock })
    await forge.check(strange(forge, 'stranger'))
    clock.advance(2_000)
    const iat = (ahead: number): string => String(Math.floor(clock.now() / 1000) + ahead)
    expect(gist(await forge.check(strange(forge, 'other', { iat: iat(310) })))).toBe('unknown_key')
    // The server's clock may be ahead of what it last told.
    const near = strange(forge, 'other', { iat: iat(60) })
    expect(gist(await forge.check(near))).toBe('key_not_seen_yet')
  })
})

describe('a key that the server withdraws', () => {
  test.each(['hybrid', 'live'] as const)(
    'is refused after the next refresh, also for tokens already seen (%s)',
    async (mode) => {
      const clock = createFakeClock()
      const forge = await startForge({ clock, mode, maxStaleness: 3_600_000 })
      const seen = forge.token({ exp: '9999999999' })
      const unseen = forge.token({ exp: '9999999999' })
      expect(gist(await forge.check(seen))).toBe('allow')
      forge.server.on(jwksPath, { keys: [forge.rsa.jwk, added.jwk] })
      clock.advance(refreshEvery + 1)
      await reloaded(forge, 2)
      await vi.waitFor(() => expect(forge.gate.status().keys.kids).toEqual(['rsa-1', 'added']))
      expect(gist(await forge.check(unseen))).toBe('unknown_key')
      expect(gist(await forge.check(seen))).toBe('unknown_key')

      forge.server.on(jwksPath, { keys: [forge.ec.jwk, added.jwk] })
      clock.advance(coolDown)
      expect(gist(await forge.check(seen))).toBe('allow')
    },
  )

  test('costs the other tokens one verification and no question', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock, maxStaleness: 3_600_000 })
    const token = tokenUnder(forge, forge.rsa, { exp: '9999999999' })
    expect(gist(await forge.check(token))).toBe('allow')
    forge.server.on(jwksPath, { keys: [forge.rsa.jwk] })
    clock.advance(refreshEvery + 1)
    await reloaded(forge, 2)
    await vi.waitFor(() => expect(forge.gate.status().keys.kids).toEqual(['rsa-1']))
    expect(forge.gate.check(bearer(token))).toBeInstanceOf(Promise)
    expect(gist(await forge.check(token))).toBe('allow')
    expect(forge.gate.check(bearer(token))).toMatchObject({ outcome: 'allow' })
    expect(forge.server.count(introspectPath)).toBe(1)
  })

  test('and replaces by another of the same kid no longer vouches for tokens already seen', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock, maxStaleness: 3_600_000 })
    const token = forge.token({ exp: '9999999999' })
    expect(gist(await forge.check(token))).toBe('allow')
    const successor = createSigningKey('ES256', forge.ec.kid)
    forge.server.on(jwksPath, { keys: [successor.jwk] })
    clock.advance(refreshEvery + 1)
    await vi.waitFor(async () =>
      expect(gist(await forge.check(tokenUnder(forge, successor)))).toBe('allow'),
    )
    expect(gist(await forge.check(token))).toBe('bad_signature')
  })

  test('stays withdrawn for nobody where the set is the same', async () => {
    const clock = createFakeClock()
    const forge = await startForge({ clock, maxStaleness: 3_600_000 })
    const token = forge.token({ exp: '9999999999' })
    expect(gist(await forge.check(token))).toBe('allow')
    forge.server.on(jwksPath, { keys: [added.jwk, forge.rsa.jwk, forge.ec.jwk] })
    clock.advance(refreshEvery + 1)
    await vi.waitFor(() => expect(forge.gate.status().keys.kids).toHaveLength(3))
    expect(forge.gate.check(bearer(token))).toMatchObject({ outcome: 'allow' })
  })
})

describe('a start without the server', () => {
  test.each<readonly [string, boolean]>([
    ['nothing listens', false],
    ['every answer is a 502', true],
  ])('is alive, not ready and heals by itself: %s', async (_title, listening) => {
    const clock = createFakeClock()
    const server = await startServer(clock.now)
    const key = createSigningKey('ES256', 'first')
    if (listening) {
      server.on(jwksPath, answering(502, 'text/html', 'Bad Gateway'))
      server.on(metadataPath, answering(502, 'text/html', 'Bad Gateway'))
    } else await server.pause()
    const forge = await startForge({ clock })
    const door = await openDoor({ url: server.url, signals: false, clock })
    const token = seal(headerOf(key), forge.payload({ iss: JSON.stringify(server.url) }), key)

    const away = await door.present(token)
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await away.json()).toEqual({ error: 'temporarily_unavailable' })
    expect((await door.verify()).status).toBe(401)
    expect(door.gate.status()).toMatchObject({
      ready: false,
      issuer: undefined,
      problems: [expect.stringContaining('keys'), expect.stringContaining('ZEROID_ISSUER')],
    })

    if (listening) server.on(metadataPath, { issuer: server.url })
    else await server.resume()
    server.on(jwksPath, { keys: [key.jwk] })
    await vi.waitFor(async () => {
      clock.advance(500)
      expect((await door.present(token)).status).toBe(200)
    })
    expect(door.gate.status()).toMatchObject({ ready: true, issuer: server.url })
  })

  test('says that the keys are missing where the issuer is configured', async () => {
    const server = await startServer()
    await server.pause()
    const issuer = 'https://zeroid.example'
    const door = await openDoor({ url: server.url, issuer, signals: false })
    const forge = await startForge()
    const token = forge.token({ iss: JSON.stringify(issuer) })
    expect(gist(await door.gate.check(bearer(token)))).toBe('keys_not_loaded')
    expect(gist(await door.gate.check(bearer(strange(forge, "'; --"))))).toBe('keys_not_loaded')
    expect(door.gate.issuer()).toBe(issuer)
  })

  test.each([
    '',
    'ftp://a',
    'javascript:x',
    'http://a"b',
    'http://a b',
    'http://é',
    7,
    null,
    ['http://a'],
    undefined,
  ])('takes no issuer from metadata that name %j', async (issuer) => {
    const server = await startServer()
    server.on(metadataPath, { issuer })
    const door = await openDoor({ url: server.url, signals: false })
    const forge = await startForge()
    expect(door.gate.issuer()).toBeUndefined()
    expect(
      gist(await door.gate.check(bearer(forge.token({ iss: JSON.stringify(issuer) ?? '""' })))),
    ).toBe('issuer_not_discovered')
  })
})

test('a closed gate loads no keys any more', async () => {
  const clock = createFakeClock()
  const forge = await startForge({ clock })
  await forge.gate.close()
  clock.advance(refreshEvery * 3)
  expect((await forge.check(strange(forge, 'stranger'))).outcome).toBe('unknown')
  expect(forge.server.count(jwksPath)).toBe(1)
})
