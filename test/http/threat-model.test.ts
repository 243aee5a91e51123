import { connect } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Forge, RawClaims } from '../helpers/forge.ts'
import { createSigningKey, headerOf, seal, startForge } from '../helpers/forge.ts'
import { createHold } from '../helpers/hold.ts'
import { exchange, headerIn } from '../helpers/raw.ts'
import { answering, introspectPath, jwksPath, sendJson } from '../helpers/server.ts'
import type { OpenDoor } from '../helpers/stack.ts'
import { openDoor, startStack } from '../helpers/stack.ts'

// One test for each row of the threat model that the door, the keys or introspection can show. The
// server behind the gate calls every token active, so that only the gate stands in the way.

const path = '/oauth2/token/verify'
const identityHeaders = [
  'X-Forwarded-User',
  'X-Zeroid-Identity-Type',
  'X-Zeroid-Trust-Level',
  'X-Zeroid-Account-ID',
  'X-Zeroid-Project-ID',
  'X-Zeroid-External-ID',
  'X-Zeroid-Act-Sub',
  'X-Zeroid-Scopes',
  'X-Zeroid-Actor',
  'X-Zeroid-Delegation-Depth',
  'X-Zeroid-Mission-ID',
  'X-Zeroid-Token-ID',
  'X-Zeroid-Owner',
  'X-Zeroid-Proof',
]

/** A request as text, with these header lines. */
const request = (
  lines: readonly string[],
  method = 'GET',
  target = path,
  version = '1.1',
): string =>
  `${[`${method} ${target} HTTP/${version}`, 'Host: gate', ...lines].join('\r\n')}\r\n\r\n`

/** A refusal: the challenge, no identity, no body that anybody could mistake. */
function expectRefused(answer: Response): void {
  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toMatch(
    /^Bearer error="(missing_token|invalid_request|invalid_token)", resource_metadata="http:[^"]+"(, DPoP error="\w+", algs="[\w ]+")?$/,
  )
  expect(answer.headers.get('cache-control')).toBe('no-store')
  for (const name of identityHeaders) expect(answer.headers.get(name)).toBeNull()
}

/** Nobody can tell: 503, when to come back, and nothing that tells an agent to drop its token. */
function expectUndecided(answer: Response): void {
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect(answer.headers.get('www-authenticate')).toBeNull()
  for (const name of identityHeaders) expect(answer.headers.get(name)).toBeNull()
}

const errorOf = (answer: Response): string =>
  /error="(\w+)"/.exec(answer.headers.get('www-authenticate') ?? '')?.[1] ?? String(answer.status)

describe('Input', () => {
  test('no, empty, Basic, unknown scheme, bare token, quoted, trailing word, comma list', async () => {
    const { verify, present, token } = await startForge()
    const text = token()
    // Also once the token is known: what was seen before must not open a second way in.
    for (const warm of [false, true]) {
      if (warm) expect((await present(text)).status).toBe(200)
      const refused: Record<string, string> = {
        '': 'invalid_request',
        Bearer: 'invalid_request',
        'Basic dXNlcjpwYXNz': 'invalid_request',
        [`Basic ${text}`]: 'invalid_request',
        [`DPoP ${text}`]: 'invalid_token',
        [`Token ${text}`]: 'invalid_request',
        [`Bearers ${text}`]: 'invalid_request',
        [text]: 'invalid_request',
        [`Bearer${text}`]: 'invalid_request',
        [`Bearer\t${text}`]: 'invalid_request',
        [`Bearer "${text}"`]: 'invalid_request',
        [`Bearer ${text} x`]: 'invalid_request',
        [`Bearer x ${text}`]: 'invalid_request',
        [`Bearer Bearer ${text}`]: 'invalid_request',
        [`Bearer ${text},`]: 'invalid_request',
        [`Bearer ${text}, Bearer ${text}`]: 'invalid_request',
        [`Bearer ${text},${text}`]: 'invalid_request',
        [`Bearer ${text};`]: 'invalid_request',
        [`Bearer ${text}=`]: 'invalid_token',
        [`Bearer ${text}.`]: 'invalid_token',
        [`Bearer ${text}~`]: 'invalid_token',
      }
      const missing = await verify()
      expectRefused(missing)
      expect([errorOf(missing), await missing.text()]).toEqual([
        'missing_token',
        '{"error":"missing_token"}\n',
      ])
      for (const [value, error] of Object.entries(refused)) {
        const answer = await verify({ authorization: value })
        expectRefused(answer)
        expect([value, errorOf(answer)]).toEqual([value, error])
      }
    }
  })

  test('scheme in any case, 1*SP, trailing OWS, HTTP/1.0', async () => {
    const { url, token } = await startForge()
    const text = token()
    for (const value of [
      `bearer ${text}`,
      `BEARER    ${text}`,
      `bEaReR ${text} \t `,
      `Bearer ${text}`,
    ]) {
      for (const version of ['1.1', '1.0']) {
        const bytes = request([`authorization:${value}`, 'Connection: close'], 'GET', path, version)
        const answers = await exchange(url, bytes)
        expect(answers.map(({ status }) => status)).toEqual([200])
      }
    }
  })

  test('two Authorization headers, also equal ones', async () => {
    const { url, token, present } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    const other = `authorization: Bearer ${token({ sub: '"spiffe://zeroid.test/b"' })}`
    await present(good.slice('Authorization: Bearer '.length))
    const pairs = [
      [good, other],
      [other, good],
      [good, good],
      [good, good.toUpperCase()],
      [good, 'Authorization:'],
      ['Authorization:', good],
      [good, 'AUTHORIZATION: Basic dXNlcjpwYXNz'],
      // Node forgets headers past its own limit; a second Authorization must not hide there.
      [good, ...Array<string>(2_500).fill('a: b'), other],
      [...Array<string>(2_500).fill('a: b'), good, other],
      [...Array<string>(2_500).fill('a: b'), good, ...Array<string>(2_500).fill('a: b'), good],
    ]
    for (const pair of pairs) {
      const [answer] = await exchange(url, request(pair), 1)
      expect(answer?.status).toBe(401)
      expect(headerIn(answer, 'WWW-Authenticate')).toContain('error="invalid_request"')
    }
    const [single] = await exchange(url, request([...Array<string>(900).fill('a: b'), good]), 1)
    expect(single?.status).toBe(200)
  })

  test('token in query, cookie, body, other headers', async () => {
    const { url, token, verify } = await startForge()
    const text = token()
    for (const name of [
      'token',
      'access_token',
      'bearer',
      'authorization',
      'Authorization',
      'jwt',
    ]) {
      expectRefused(await fetch(`${url}${path}?${name}=${text}`))
      expectRefused(await fetch(`${url}${path}?${name}=Bearer%20${text}`))
    }
    for (const name of [
      'cookie',
      'x-authorization',
      'proxy-authorization',
      'x-forwarded-authorization',
      'x-original-authorization',
      'x-access-token',
      'x-auth-token',
      'x-api-key',
      'sec-websocket-protocol',
      'x-forwarded-access-token',
    ]) {
      for (const value of [
        text,
        `Bearer ${text}`,
        `token=${text}`,
        `Authorization=Bearer ${text}`,
      ]) {
        expectRefused(await verify({ [name]: value }))
      }
    }
    const body = `token=${text}`
    const lines = [
      `Content-Length: ${body.length}`,
      'Content-Type: application/x-www-form-urlencoded',
    ]
    expect((await exchange(url, request(lines) + body)).map(({ status }) => status)).toEqual([401])
    const malformed = ['=;;=', 'a=%%%', '\u00ff=1', '__proto__=x', ';'.repeat(5_000)]
    for (const value of malformed) expectRefused(await verify({ cookie: value }))
  })

  test('spoofed X-Forwarded-User, X-Zeroid-*, X_Zeroid_*, X-Account-ID', async () => {
    const { url, token, server } = await startForge()
    const bare = token({ external_id: undefined, trust_level: undefined, scopes: undefined })
    const spoofed = [
      ...identityHeaders,
      'X-Account-ID',
      'X-Project-ID',
      'X-User-ID',
      'Remote-User',
    ].flatMap((name) => [
      `${name}: spoofed`,
      `${name.replaceAll('-', '_')}: spoofed`,
      `${name.toLowerCase()}: spoofed`,
    ])
    const [without] = await exchange(url, request(spoofed), 1)
    expect(without?.status).toBe(401)
    for (let visit = 0; visit < 2; visit++) {
      const [answer] = await exchange(
        url,
        request([...spoofed, `Authorization: Bearer ${bare}`]),
        1,
      )
      expect(answer?.status).toBe(200)
      expect(answer?.head).not.toContain('spoofed')
      expect(headerIn(answer, 'X-Zeroid-Account-ID')).toBe('acct-demo')
      expect(headerIn(answer, 'X-Zeroid-External-ID')).toBeUndefined()
    }
    expect(JSON.stringify(server.seen)).not.toContain('spoofed')
  })

  test('`Connection:` lists our headers', async () => {
    const { url, token } = await startForge()
    const value = [...identityHeaders, 'Authorization', 'WWW-Authenticate', 'close'].join(', ')
    const [answer] = await exchange(
      url,
      request([`Connection: ${value}`, `Authorization: Bearer ${token()}`]),
      1,
    )
    expect(answer?.status).toBe(200)
    for (const name of identityHeaders.slice(0, 6)) expect(headerIn(answer, name)).toBeTruthy()
    const [refused] = await exchange(url, request([`Connection: ${value}`]), 1)
    expect([refused?.status, headerIn(refused, 'WWW-Authenticate')]).toEqual([
      401,
      expect.any(String),
    ])
  })

  test('User-Agent of a probe, X-Forwarded-Uri of health, method override', async () => {
    const { verify } = await startForge()
    for (const headers of [
      { 'user-agent': 'kube-probe/1.31' },
      { 'user-agent': 'GoogleHC/1.0' },
      { 'user-agent': 'ELB-HealthChecker/2.0' },
      { 'x-forwarded-uri': '/health' },
      { 'x-forwarded-uri': '/.well-known/jwks.json' },
      { 'x-original-uri': '/ready' },
      { 'x-forwarded-prefix': '/health' },
      { 'x-forwarded-port': '8901' },
      { 'x-forwarded-for': '127.0.0.1' },
      { 'x-real-ip': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { 'x-forwarded-method': 'OPTIONS' },
      { 'x-http-method-override': 'OPTIONS' },
      { 'x-original-method': 'HEAD' },
      { 'x-middleware-subrequest': 'middleware:middleware:middleware' },
      { 'x-envoy-internal': 'true' },
      { 'x-zeroid-bypass': 'true' },
      { 'x-skip-auth': '1' },
    ] as Record<string, string>[]) {
      expectRefused(await verify(headers))
    }
  })

  test('an upgrade request is judged like any other', async () => {
    const { url } = await startForge()
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const [answer] = await exchange(url, request(lines), 1)
    expect(answer?.status).toBe(401)
    const [h2c] = await exchange(
      url,
      request([
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQ',
      ]),
      1,
    )
    expect(h2c?.status).toBe(401)
  })

  test('Expect gets one answer, the final one', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    for (const expectation of ['100-continue', 'other', '']) {
      const lines = [`Expect: ${expectation}`, 'Content-Length: 5', 'Connection: close']
      const answers = await exchange(url, request(lines))
      expect(answers.map(({ status }) => status)).toEqual([401])
      const allowed = await exchange(url, request([...lines, good]))
      expect(allowed.map(({ status }) => status)).toEqual([200])
    }
  })

  test('OPTIONS, HEAD, TRACE, POST without and with a token', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    for (const method of [
      'OPTIONS',
      'HEAD',
      'TRACE',
      'POST',
      'PUT',
      'DELETE',
      'PATCH',
      'PROPFIND',
      'QUERY',
    ]) {
      for (const lines of [[], [good]]) {
        const [answer] = await exchange(url, request(['Connection: close', ...lines], method))
        expect([method, answer?.status]).toEqual([method, 405])
        expect(headerIn(answer, 'Allow')).toBe('GET')
        expect(answer?.head).not.toMatch(/x-(zeroid|forwarded)-/i)
        expect(answer?.body.length).toBe(0)
      }
    }
    for (const method of ['CONNECT', 'get', 'GETT', '']) {
      const answers = await exchange(url, request([good, 'Connection: close'], method))
      for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400)
    }
  })

  test('any other path, suffixed path, dot segments, encodings', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    const targets = [
      '/',
      '//',
      '/health',
      '/ready',
      '/metrics',
      '/oauth2/token',
      '/oauth2/token/introspect',
      `${path}/`,
      `${path}/x`,
      `${path}x`,
      `${path}.json`,
      `${path};x`,
      `${path}#x`,
      `${path}%20`,
      `${path}%00`,
      `${path}%3f`,
      `${path}/..`,
      `${path}/../verify`,
      `${path}/../../health`,
      `${path}/..%2f..%2fhealth`,
      `${path}/..;/health`,
      `${path}\\..\\health`,
      `/./oauth2/token/verify`,
      `//oauth2/token/verify`,
      `/oauth2//token/verify`,
      `/x/../oauth2/token/verify`,
      '/oauth2/token/verif%79',
      '/oauth2%2ftoken%2fverify',
      '/OAUTH2/TOKEN/VERIFY',
      '/oauth2/token/verify\u00e9',
      `http://gate${path}`,
      `http://127.0.0.1${path}`,
      'oauth2/token/verify',
      '*',
      '?',
      `?${path}`,
      '/__proto__',
      '/ext-authzz',
      '/ext-auth',
      `/${'a'.repeat(30_000)}`,
    ]
    for (const target of targets) {
      for (const lines of [[], [good]]) {
        const [answer] = await exchange(
          url,
          request(['Connection: close', ...lines], 'GET', target),
        )
        expect([target, answer?.status === 404 || answer?.status === 400]).toEqual([target, true])
        expect(answer?.head).not.toMatch(/x-(zeroid|forwarded)-/i)
      }
    }
    for (const query of ['?', '?a=b', '?/../x', `?${'a'.repeat(30_000)}`, '?http://evil.example']) {
      const [refused] = await exchange(url, request([], 'GET', path + query), 1)
      const [allowed] = await exchange(url, request([good], 'GET', path + query), 1)
      expect([refused?.status, allowed?.status]).toEqual([401, 200])
    }
  })

  test('below /ext-authz every path and method is one check, and never 2xx without a token', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    for (const target of [
      '',
      '/',
      '/health',
      '/../health',
      '/../../metrics',
      '/%2e%2e/x',
      '?a=b',
      '/a?token=b',
      path,
    ]) {
      for (const method of ['GET', 'POST', 'OPTIONS', 'HEAD', 'DELETE', 'TRACE']) {
        const [refused] = await exchange(
          url,
          request(['Connection: close'], method, `/ext-authz${target}`),
        )
        expect([method, target, refused?.status]).toEqual([method, target, 401])
        const [allowed] = await exchange(
          url,
          request(['Connection: close', good], method, `/ext-authz${target}`),
        )
        expect([method, target, allowed?.status]).toEqual([method, target, 200])
        expect(headerIn(allowed, 'X-Zeroid-External-ID')).toBe('one')
      }
    }
  })

  test('space before colon, NUL, bare CR, no Host, CL+TE', async () => {
    const { url, token, gate } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    const chunked = 'Transfer-Encoding: chunked'
    const smuggled = request([good])
    const refused: Record<string, string> = {
      'space before colon': request([good.replace(':', ' :')]),
      'tab before colon': request([good.replace(':', '\t:')]),
      'space before the name': `GET ${path} HTTP/1.1\r\n Host: gate\r\n${good}\r\n\r\n`,
      'NUL in a value': request([good, 'X: a\0b']),
      'NUL in a name': request([good, 'X\0: a']),
      'NUL in the target': request([good], 'GET', `${path}\0`),
      'bare CR in a value': request([good, 'X: a\rb']),
      'bare CR as a line end': request(['X: a\r', good]).replaceAll('\r\n', '\r'),
      'no Host': `GET ${path} HTTP/1.1\r\n${good}\r\n\r\n`,
      'CL and TE': `${request([good, 'Content-Length: 4', chunked])}0\r\n\r\n${smuggled}`,
      'TE and CL': `${request([good, chunked, 'Content-Length: 4'])}0\r\n\r\n${smuggled}`,
      'two lengths': `${request([good, 'Content-Length: 0', 'Content-Length: 4'])}${smuggled}`,
      'a list of lengths': `${request([good, 'Content-Length: 0, 4'])}${smuggled}`,
      'a signed length': `${request([good, 'Content-Length: +4'])}${smuggled}`,
      'a hexadecimal length': `${request([good, 'Content-Length: 0x4'])}${smuggled}`,
      'a negative length': `${request([good, 'Content-Length: -1'])}${smuggled}`,
      'an unknown coding': `${request([good, 'Transfer-Encoding: xchunked'])}0\r\n\r\n${smuggled}`,
      'chunked twice': `${request([good, chunked, chunked])}0\r\n\r\n${smuggled}`,
      'chunked not last': `${request([good, 'Transfer-Encoding: chunked, identity'])}0\r\n\r\n${smuggled}`,
      'a space in the name': request([good, 'X Y: a']),
      'a parenthesis in the name': request([good, 'X(: a']),
      'no colon': request([good, 'nonsense']),
      'an empty name': request([good, ': a']),
      'HTTP/9': request([good], 'GET', path, '9'),
      'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'a blank in the target': request([good], 'GET', `${path} x`),
    }
    for (const [title, bytes] of Object.entries(refused)) {
      const statuses = (await exchange(url, bytes)).map(({ status }) => status)
      expect([title, statuses.every((status) => status === 400), statuses.length <= 1]).toEqual([
        title,
        true,
        true,
      ])
    }
    const [after] = await exchange(url, request([good]), 1)
    expect(after?.status).toBe(200)
    expect(gate.status().ready).toBe(true)
  })

  test('100 kB header', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    for (const size of [70_000, 100_000, 1_000_000, 8_000_000]) {
      for (const line of [`X: ${'a'.repeat(size)}`, `Authorization: Bearer ${'a'.repeat(size)}`]) {
        const answers = await exchange(url, request([good, line]))
        expect([size, answers.map(({ status }) => status)]).toEqual([size, [431]])
      }
      const many = Array<string>(Math.ceil(size / 20)).fill(`${'a'.repeat(10)}: ${'b'.repeat(10)}`)
      const answers = await exchange(url, request([good, ...many]))
      expect(answers.map(({ status }) => status)).toEqual([431])
    }
    const [below] = await exchange(url, request([`X: ${'a'.repeat(60_000)}`, good]), 1)
    expect(below?.status).toBe(200)
    const [token17k] = await exchange(
      url,
      request([`Authorization: Bearer ${'a'.repeat(17_000)}`]),
      1,
    )
    expect([token17k?.status, headerIn(token17k, 'WWW-Authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
  })

  test('bare LF, obs-fold', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    const lines: Record<string, string> = {
      'bare LF between headers': `GET ${path} HTTP/1.1\r\nHost: gate\n${good}\nConnection: close\r\n\r\n`,
      'bare LF everywhere': `GET ${path} HTTP/1.1\nHost: gate\nConnection: close\n\n`,
      'HTTP/2.0': request([good, 'Connection: close'], 'GET', path, '2.0'),
      'HTTP/0.9': `GET ${path}\r\n\r\n`,
      'a folded value': request(['X: a\r\n b', good, 'Connection: close']),
      'a folded token': request([
        `${good.slice(0, -5)}\r\n ${good.slice(-5)}`,
        'Connection: close',
      ]),
      'a folded scheme': request([good.replace('Bearer ', 'Bearer\r\n '), 'Connection: close']),
      'a header hidden in a fold': request([`X: a\r\n ${good}`, 'Connection: close']),
    }
    for (const [title, bytes] of Object.entries(lines)) {
      const answers = await exchange(url, bytes)
      expect([title, answers.length <= 1]).toEqual([title, true])
      for (const answer of answers) {
        expect([title, [200, 400, 401].includes(answer.status)]).toEqual([title, true])
        if (answer.status === 200) expect(headerIn(answer, 'X-Zeroid-External-ID')).toBe('one')
      }
      if (title.includes('hidden')) expect(answers[0]?.status).not.toBe(200)
    }
  })

  test('what follows a body is never taken for a request', async () => {
    const { url, token } = await startForge()
    const good = `Authorization: Bearer ${token()}`
    const inner = request([good])
    const bodies = [
      request([`Content-Length: ${inner.length}`]) + inner,
      `${request(['Transfer-Encoding: chunked'])}${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
      request([`Content-Length: ${inner.length}`, good], 'POST') + inner,
    ]
    for (const bytes of bodies) {
      const answers = await exchange(url, bytes + inner)
      expect(answers).toHaveLength(1)
      expect(answers[0]?.status).not.toBe(200)
      expect(headerIn(answers[0], 'Connection')).toBe('close')
    }
  })
})

describe('Claims', () => {
  test('sub or external_id outside ASCII', async () => {
    const { url, token } = await startForge()
    for (const text of [
      'agent/č',
      'ünï',
      'a\u010d\u010aX-Zeroid-Owner: admin',
      '日本',
      '👩‍🚀',
      'é',
    ]) {
      const changed: RawClaims = { sub: JSON.stringify(text), external_id: JSON.stringify(text) }
      for (const claims of [changed, { ...changed, principal_type: '"user"' }]) {
        const [answer] = await exchange(url, request([`Authorization: Bearer ${token(claims)}`]), 1)
        expect(answer?.status).toBe(200)
        const bytes = Buffer.from(text, 'utf8').toString('latin1')
        expect(headerIn(answer, 'X-Forwarded-User')).toBe(bytes)
        expect(headerIn(answer, 'X-Zeroid-External-ID')).toBe(bytes)
        expect(headerIn(answer, 'X-Zeroid-Owner')).toBeUndefined()
      }
    }
  })

  test('optional claim of the wrong type or with control characters', async () => {
    const { present, token } = await startForge()
    for (const name of [
      'identity_type',
      'trust_level',
      'external_id',
      'owner_user_id',
      'mission_id',
    ]) {
      for (const value of [
        '{"a":1}',
        '["a","b"]',
        '"a\\r\\nX-Zeroid-Owner: admin"',
        '"a\\u0000"',
        '1',
        '"\\ud800"',
      ]) {
        expectRefused(await present(token({ [name]: value })))
      }
    }
  })

  test('every identity header is there with its exact value, or not at all', async () => {
    const { present, verify, token } = await startForge()
    const full = await present(
      token({
        jti: '"jti-1"',
        scopes: '["data:read","tool:run"]',
        delegation_depth: '2',
        mission_id: '"mission-1"',
        owner_user_id: '"user_owner"',
        principal_type: '"user"',
        sub: '"user_1"',
        trust_level: '"of the principal"',
        act: '{"sub":"spiffe://zeroid.test/a/actor","trust_level":"first_party","identity_type":"agent","external_id":"one"}',
      }),
    )
    expect(
      Object.fromEntries(identityHeaders.map((name) => [name, full.headers.get(name)])),
    ).toEqual({
      'X-Forwarded-User': 'user_1',
      'X-Zeroid-Identity-Type': 'agent',
      'X-Zeroid-Trust-Level': 'first_party',
      'X-Zeroid-Account-ID': 'acct-demo',
      'X-Zeroid-Project-ID': 'proj-demo',
      'X-Zeroid-External-ID': 'one',
      'X-Zeroid-Act-Sub': 'spiffe://zeroid.test/a/actor',
      'X-Zeroid-Scopes': 'data:read tool:run',
      'X-Zeroid-Actor': 'spiffe://zeroid.test/a/actor',
      'X-Zeroid-Delegation-Depth': '2',
      'X-Zeroid-Mission-ID': 'mission-1',
      'X-Zeroid-Token-ID': 'jti-1',
      'X-Zeroid-Owner': 'user_owner',
      'X-Zeroid-Proof': null,
    })
    const absent = ['identity_type', 'trust_level', 'external_id', 'scopes']
    const bare = token(Object.fromEntries(absent.map((name) => [name, undefined])))
    const answer = await present(bare)
    for (const name of [
      'Identity-Type',
      'Trust-Level',
      'External-ID',
      'Act-Sub',
      'Scopes',
      'Mission-ID',
      'Owner',
    ]) {
      expect(answer.headers.has(`X-Zeroid-${name}`)).toBe(false)
    }
    const proxied = await verify({ authorization: `Bearer ${bare}`, 'x-forwarded-uri': '/x' })
    expect([proxied.status, proxied.headers.get('content-length'), await proxied.text()]).toEqual([
      200,
      '0',
      '',
    ])
  })

  test('absent claims overwrite what the client sent where GATE_EMPTY_HEADERS is set', async () => {
    const { present, token } = await startForge({}, { emptyHeaders: true })
    const answer = await present(token({ external_id: undefined }))
    for (const name of identityHeaders) expect(answer.headers.has(name)).toBe(true)
    expect(answer.headers.get('X-Zeroid-External-ID')).toBe('')
  })

  test('proof token, auth code, SET, ID-JAG, API key, refresh token as bearer', async () => {
    const { zeroid, present } = await startStack({ signals: false })
    const agent = await zeroid.agent()
    expect((await present(await zeroid.mint({ agent }))).status).toBe(200)
    const asked = zeroid.requests.count('introspect')
    for (const token of [
      await zeroid.proofToken(agent),
      await zeroid.assertion(agent),
      agent.apiKey,
      agent.clientSecret,
    ]) {
      expectRefused(await present(token))
    }
    expect(zeroid.requests.count('introspect')).toBe(asked)
  })
})

describe('Tenancy', () => {
  test('token of a tenant that the gate does not follow', async () => {
    const { present, token, server } = await startForge({
      tenants: [{ accountId: 'acct-demo', projectId: 'proj-demo' }],
    })
    expect((await present(token())).status).toBe(200)
    const asked = server.count(introspectPath)
    for (const [account, project] of [
      ['acct-demo', 'proj-other'],
      ['acct-other', 'proj-demo'],
      ['acct-demo:proj-demo', 'x'],
      ['acct-demo/proj-demo', 'x'],
      ['acct-dem', 'oproj-demo'],
      ['ACCT-DEMO', 'proj-demo'],
      ['proj-demo', 'acct-demo'],
    ]) {
      const claims = { account_id: JSON.stringify(account), project_id: JSON.stringify(project) }
      expectRefused(await present(token(claims)))
    }
    expect(server.count(introspectPath)).toBe(asked)
  })

  test('same sub in two tenants: each has its own headers', async () => {
    const { present, token } = await startForge()
    const tokens = ['a', 'b'].map((account) =>
      token({ account_id: JSON.stringify(account), jti: '"same"' }),
    )
    for (let round = 0; round < 2; round++) {
      const seen = await Promise.all(
        tokens.map(async (text) => (await present(text)).headers.get('X-Zeroid-Account-ID')),
      )
      expect(seen).toEqual(['a', 'b'])
    }
  })
})

describe('Cache', () => {
  test('same payload with other signature; same jti; token plus suffix; bad token naming a victim', async () => {
    const { present, token, payload, ec, check } = await startForge()
    const victim = token({ jti: '"victim"' })
    const [header, body, signature = ''] = victim.split('.')
    const stranger = createSigningKey('ES256', ec.kid)
    const claims = payload({ jti: '"victim"', sub: '"admin"' })
    const attacks = [
      `${header}.${body}.${token().split('.')[2]}`,
      `${header}.${body}.${signature.slice(0, -8)}AAAAAAAA`,
      `${header}.${body}.`,
      `${victim}A`,
      `${victim}.x`,
      `${victim}=`,
      victim.slice(0, -1),
      seal(headerOf(stranger), claims, stranger),
      seal({ ...headerOf(ec), kid: 'unknown' }, claims, ec),
    ]
    for (let round = 0; round < 3; round++) {
      for (const attack of attacks) expectRefused(await present(attack))
      const answer = await present(victim)
      expect([answer.status, answer.headers.get('x-zeroid-token-id')]).toEqual([200, 'victim'])
    }
    // A good token with the victim's jti is its own: neither has the other's verdict.
    const twin = await check(token({ jti: '"victim"', sub: '"spiffe://zeroid.test/twin"' }))
    expect(twin.identity?.subject).toBe('spiffe://zeroid.test/twin')
    expect((await present(victim)).headers.get('x-forwarded-user')).not.toBe(
      'spiffe://zeroid.test/twin',
    )
  })

  test('concurrent identities never mix', async () => {
    const { url, server, token } = await startForge()
    server.on(introspectPath, ({ body }, response) => {
      const active = !body.endsWith('A')
      setImmediate(() => sendJson(response, { active }))
    })
    const tokens = Array.from({ length: 40 }, (_, i) => {
      const sub = JSON.stringify(`spiffe://zeroid.test/agent/${i}`)
      return token({ jti: `"jti-${i}"`, sub, external_id: i % 3 === 0 ? undefined : `"ext-${i}"` })
    })
    const visits = Array.from({ length: 1_000 }, (_, i) => i % tokens.length)
    await Promise.all(
      visits.map(async (i) => {
        const authorization = `Bearer ${tokens[i]}`
        const { status, headers } = await fetch(url + path, { headers: { authorization } })
        if (tokens[i]?.endsWith('A')) return expect(status).toBe(401)
        expect([
          status,
          headers.get('x-forwarded-user'),
          headers.get('x-zeroid-token-id'),
          headers.get('x-zeroid-external-id'),
        ]).toEqual([
          200,
          `spiffe://zeroid.test/agent/${i}`,
          `jti-${i}`,
          i % 3 === 0 ? null : `ext-${i}`,
        ])
      }),
    )
  })

  test('a kept connection carries nothing from one request to the next', async () => {
    const { url, token } = await startForge()
    const first = `Authorization: Bearer ${token({ jti: '"first"' })}`
    const second = `Authorization: Bearer ${token({ jti: '"second"', external_id: undefined })}`
    const sequence = [[first], [], [second], ['Authorization: Bearer x'], [first], [second], []]
    const answers = await exchange(
      url,
      sequence.map((lines) => request(lines)).join(''),
      sequence.length,
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 200, 401, 200, 200, 401])
    expect(answers.map((answer) => headerIn(answer, 'X-Zeroid-Token-ID'))).toEqual([
      'first',
      undefined,
      'second',
      undefined,
      'first',
      'second',
      undefined,
    ])
    expect(answers.map((answer) => headerIn(answer, 'X-Zeroid-External-ID'))).toEqual([
      'one',
      undefined,
      undefined,
      undefined,
      'one',
      undefined,
      undefined,
    ])
  })

  test('pipelined requests are answered in their order, whichever is decided first', async () => {
    const { url, token, server, present } = await startForge()
    const warm = token({ jti: '"warm"' })
    await present(warm)
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const cold = token({ jti: '"cold"' })
    const bytes = [[`Authorization: Bearer ${cold}`], [`Authorization: Bearer ${warm}`], []]
      .map((lines) => request(lines))
      .join('')
    const answers = exchange(url, bytes, 3)
    await hold.reached(1)
    hold.release()
    expect(
      (await answers).map((answer) => [answer.status, headerIn(answer, 'X-Zeroid-Token-ID')]),
    ).toEqual([
      [200, 'cold'],
      [200, 'warm'],
      [401, undefined],
    ])
  })

  test('cached token expires: 401 at exp + leeway', async () => {
    const clock = createFakeClock()
    const { present, token } = await startForge({ clock })
    const now = Math.floor(clock.now() / 1000)
    const text = token({ exp: String(now + 100) })
    clock.advance(now * 1000 + 100_000 + 4_999 - clock.now())
    expect((await present(text)).status).toBe(200)
    expect((await present(text)).status).toBe(200)
    clock.advance(1)
    expectRefused(await present(text))
  })
})

describe('JWKS', () => {
  test('unknown-kid flood: one fetch per cool-down, whatever its result', async () => {
    const clock = createFakeClock()
    const { present, payload, ec, server } = await startForge({ clock })
    const flood = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        const batch = Array.from({ length: 10 }, (_, j) =>
          seal({ ...headerOf(ec), kid: `k-${i}-${j}` }, payload(), ec),
        )
        for (const answer of await Promise.all(batch.map(present))) expectRefused(answer)
      }
    }
    await flood()
    expect(server.count(jwksPath)).toBe(2)
    clock.advance(9_999)
    await flood()
    expect(server.count(jwksPath)).toBe(2)
    clock.advance(1)
    await flood()
    expect(server.count(jwksPath)).toBe(3)
  })

  test('500, HTML, null, redirect: old keys stay; unknown kid is never let in', async () => {
    const clock = createFakeClock()
    const { present, token, server } = await startForge({ clock })
    const stranger = createSigningKey('ES256', 'stranger')
    for (const route of [
      answering(500, 'application/json', '{}'),
      answering(200, 'text/html', '<html></html>'),
      answering(200, 'application/json', 'null'),
      answering(302, 'application/json', '', { Location: '/other' }),
    ]) {
      server.on(jwksPath, route)
      clock.advance(10_000)
      expect([401, 503]).toContain(
        (await present(seal(headerOf(stranger), token().split('.')[1] ?? '', stranger))).status,
      )
      expect((await present(token())).status).toBe(200)
    }
  })

  test('new key is accepted at its first token', async () => {
    const { zeroid, present } = await startStack({ signals: false })
    const before = await zeroid.mint()
    expect((await present(before)).status).toBe(200)
    await zeroid.rotateKeys()
    const agent = await zeroid.agent()
    expect((await present(await zeroid.mint({ agent }))).status).toBe(200)
    expect((await present(await zeroid.mint({ agent, grant: 'api_key' }))).status).toBe(200)
    expect((await present(before)).status).toBe(200)
  })

  test('first start without ZeroID: alive, not ready, recovers alone', async () => {
    const clock = createFakeClock()
    const { zeroid, present, gate, verify } = await startAway(clock)
    const token = await zeroid.mint()
    expectUndecided(await present(token))
    expectRefused(await verify())
    expect(gate.status().ready).toBe(false)
    await zeroid.resume()
    await vi.waitFor(async () => {
      clock.advance(250)
      expect((await present(token)).status).toBe(200)
    })
    expect(gate.status().ready).toBe(true)
  })
})

/** A gate whose server does not listen yet. */
async function startAway(clock: FakeClock): Promise<OpenDoor & { zeroid: Emulator }> {
  const zeroid = await startEmulator({ now: clock.now })
  onTestFinished(() => zeroid.close())
  await zeroid.pause()
  return { zeroid, ...(await openDoor({ url: zeroid.url, signals: false, clock })) }
}

const json = 'application/json'
const big = JSON.stringify({ active: true, padding: 'x'.repeat(1_000_000) })

describe('Introspection', () => {
  test.each<readonly [string, Parameters<Forge['server']['on']>[1]]>([
    ['active: "true"', { active: 'true' }],
    ['active: 1', { active: 1 }],
    ['active: null', { active: null }],
    ['active: {}', { active: {} }],
    ['active: [true]', { active: [true] }],
    ['Active: true', { Active: true }],
    ['nothing about active', {}],
    ['a list', [{ active: true }]],
    ['null', answering(200, json, 'null')],
    ['true', answering(200, json, 'true')],
    ['inherited active', answering(200, json, '{"__proto__":{"active":true}}')],
    ['nothing', answering(200, json, '')],
    ['trailing bytes', answering(200, json, '{"active":true}x')],
    ['HTML', answering(200, 'text/html', '<html>{"active":true}</html>')],
    ['JSON that says it is HTML', answering(200, 'text/html', '{"active":true}')],
    ['JSON without a type', answering(200, '', '{"active":true}')],
    ['201', answering(201, json, '{"active":true}')],
    ['204', answering(204, json)],
    ['206', answering(206, json, '{"active":true}')],
    ['302', answering(302, json, '{"active":true}', { Location: '/elsewhere' })],
    ['307', answering(307, json, '', { Location: '/elsewhere' })],
    ['400', answering(400, json, '{"active":true}')],
    ['404', answering(404, json, '{"active":false}')],
    ['429', answering(429, json, '{"active":true}')],
    ['500', answering(500, json, '{"active":true}')],
    ['502 HTML', answering(502, 'text/html', 'Bad Gateway')],
    ['huge', answering(200, json, big)],
    [
      'compressed',
      answering(200, json, Buffer.from('{"active":true}'), { 'Content-Encoding': 'gzip' }),
    ],
    ['another jti', { active: true, jti: 'other' }],
    ['a jti of another type', { active: true, jti: 7 }],
    ['another jti, inactive', { active: false, jti: 'other' }],
    ['a reset', (_request, response) => void response.socket?.resetAndDestroy()],
    [
      'half an answer',
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': json, 'Content-Length': '100' })
        response.write('{"active":true}')
        setImmediate(() => response.destroy())
      },
    ],
  ])(
    'answer not exactly `active: true`: %s is a 503, and the token passes later',
    async (_title, route) => {
      const { present, token, server } = await startForge()
      server.on('/elsewhere', { active: true })
      server.on(introspectPath, route)
      const text = token()
      for (let i = 0; i < 3; i++) expectUndecided(await present(text))
      expect(server.count('/elsewhere')).toBe(0)
      server.on(introspectPath, { active: true })
      expect((await present(text)).status).toBe(200)
    },
  )

  test('no answer at all is a 503 in two seconds, and others are not held up', async () => {
    const { present, token, server } = await startForge()
    const warm = token()
    expect((await present(warm)).status).toBe(200)
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const started = performance.now()
    const waiting = Promise.all(Array.from({ length: 10 }, () => present(token())))
    await hold.reached(10)
    for (let i = 0; i < 20; i++) expect((await present(warm)).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(1_900)
    for (const answer of await waiting) expectUndecided(answer)
    expect(performance.now() - started).toBeLessThan(8_000)
  })

  test.each([401, 403])(
    'a %i is our own misconfiguration: a 503, and a loud note',
    async (status) => {
      const notes: string[] = []
      const observer = {
        note: (level: string, message: string) => void notes.push(`${level}: ${message}`),
      }
      const { present, token, server, gate } = await startForge({ observer })
      server.on(introspectPath, answering(status, json, '{"error":"invalid_client"}'))
      for (let i = 0; i < 3; i++) expectUndecided(await present(token()))
      expect(notes.filter((note) => /^error: .*ZEROID_CLIENT_ID/.test(note))).toHaveLength(1)
      expect(gate.status().warnings).toEqual([expect.stringContaining('ZEROID_CLIENT_ID')])
      server.on(introspectPath, { active: true })
      expect((await present(token())).status).toBe(200)
      expect(gate.status().warnings).toEqual([])
    },
  )

  test('a server that wants a client answers the one that is configured', async () => {
    const introspectionClient = { id: 'gate', secret: 's:e/c%r+e&t' }
    const wrong = await startStack(
      { signals: false, clientId: 'gate', clientSecret: 'wrong' },
      { introspectionClient },
    )
    const right = await startStack(
      { signals: false, clientId: 'gate', clientSecret: introspectionClient.secret },
      { introspectionClient },
    )
    expectUndecided(await wrong.present(await wrong.zeroid.mint()))
    expect(wrong.gate.status().warnings).toEqual([expect.stringMatching(/check ZEROID_CLIENT_ID/)])
    expect((await right.present(await right.zeroid.mint())).status).toBe(200)
  })

  test('forged or expired tokens are refused locally; ZeroID is not asked', async () => {
    const { present, token, payload, ec, server } = await startForge()
    const stranger = createSigningKey('ES256', ec.kid)
    for (const text of [
      'x',
      'a.b.c',
      token({ exp: '1' }),
      token({ nbf: '9999999999' }),
      token({ iat: '9999999999' }),
      token({ iss: '"https://other.example"' }),
      token({ grant_type: undefined }),
      token({ sub: '"a\\n"' }),
      `${token().slice(0, -8)}AAAAAAAA`,
      seal(headerOf(stranger), payload(), stranger),
      seal({ alg: 'none', kid: ec.kid }, payload(), ec),
      seal({ ...headerOf(ec), kid: 'unknown' }, payload(), ec),
    ]) {
      for (let i = 0; i < 3; i++) expectRefused(await present(text))
    }
    expect(server.count(introspectPath)).toBe(0)
  })
})

describe('Time', () => {
  const minute = 60_000
  const hour = 3_600_000

  test.each([-24 * hour, -hour, -minute, -6_000, 6_000, minute, hour, 24 * hour])(
    'clock jumps by %i ms: not ready, and ready again once it is set right',
    async (step) => {
      const clock = createFakeClock()
      const server = createFakeClock(clock.now())
      const { zeroid, gate, check, present } = await startStack(
        { clock, signals: false },
        { now: server.now },
      )
      const good = await zeroid.mint({ ttl: 7_200 })
      const expired = await zeroid.mint({ ttl: 60 })
      server.advance(120_000)
      clock.advance(120_000)
      expect((await present(good)).status).toBe(200)
      expect(gate.status().ready).toBe(true)

      clock.step(step)
      expect(gate.status()).toMatchObject({
        ready: false,
        problems: [expect.stringContaining('GATE_CLOCK_SKEW')],
      })
      // The server's clock makes up for ours, which is known to have been stepped.
      expect((await present(good)).status).toBe(200)
      expect((await check(expired)).outcome).toBe('deny')
      expect((await present(await zeroid.mint())).status).toBe(200)

      clock.step(-step)
      expect(gate.status().ready).toBe(true)
      expect((await present(good)).status).toBe(200)
    },
  )

  test('a clock that differs within the leeway is not corrected and does not matter', async () => {
    const clock = createFakeClock()
    for (const offset of [-4_000, 3_000]) {
      const { zeroid, gate, present } = await startStack(
        { clock, signals: false },
        { now: () => clock.now() + offset },
      )
      expect((await present(await zeroid.mint())).status).toBe(200)
      expect(gate.status()).toMatchObject({ ready: true, problems: [] })
    }
  })
})

describe('Availability', () => {
  test('a fault inside is a 503, and the next request is answered', async () => {
    let faults = 4
    const observer = {
      verdict() {
        if (faults-- > 0) throw new Error('broken observer')
      },
    }
    const { present, verify, token } = await startForge({ observer })
    const text = token()
    for (let i = 0; i < 2; i++) expectUndecided(await present(text))
    for (let i = 0; i < 1; i++) expectUndecided(await verify())
    expect((await present(text)).status).toBe(200)
  })

  test('slowloris, idle connections: others unharmed', async () => {
    const { url, token, present } = await startForge()
    const text = token()
    const { hostname, port } = new URL(url)
    const slow = await Promise.all(
      Array.from({ length: 300 }, (_, i) => {
        const socket = connect(Number(port), hostname)
        socket.on('error', () => {})
        return new Promise<typeof socket>((resolve) =>
          socket.on('connect', () => {
            if (i % 3 > 0)
              socket.write(
                request([`Authorization: Bearer ${text}`]).slice(0, i % 3 === 1 ? 20 : -2),
              )
            resolve(socket)
          }),
        )
      }),
    )
    const started = performance.now()
    const answers = await Promise.all(Array.from({ length: 50 }, () => present(text)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(performance.now() - started).toBeLessThan(5_000)
    for (const socket of slow) socket.destroy()
  })

  test('a client that goes away before its answer harms nobody', async () => {
    const { url, token, present, server } = await startForge()
    const hold = createHold()
    server.on(introspectPath, hold.route)
    const text = token()
    const gone = Array.from({ length: 20 }, () => {
      const controller = new AbortController()
      const headers = { authorization: `Bearer ${text}` }
      const call = fetch(url + path, { headers, signal: controller.signal }).catch(() => undefined)
      return { controller, call }
    })
    await hold.reached(1)
    for (const { controller } of gone) controller.abort()
    await Promise.all(gone.map(({ call }) => call))
    hold.release()
    server.on(introspectPath, { active: true })
    expect((await present(text)).status).toBe(200)
  })
})
