import { createHmac, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Forge, SigningKey } from '../helpers/forge.ts'
import { createSigningKey, gist, headerOf, seal, startForge } from '../helpers/forge.ts'
import { introspectPath, jwksPath } from '../helpers/server.ts'
import { createRecorder } from '../helpers/stack.ts'

const base64url = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')
const signed = (input: string, key: SigningKey, hash = 'sha256', options = {}): string =>
  sign(hash, Buffer.from(input), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
    ...options,
  }).toString('base64url')

/** Presents each token to the engine and to the door: the reasons, where one was not expected. */
async function mismatches(
  forge: Forge,
  tokens: Readonly<Record<string, readonly [token: string, ...expected: string[]]>>,
): Promise<string[]> {
  const wrong: string[] = []
  for (const [title, [token, ...expected]] of Object.entries(tokens)) {
    const verdict = gist(await forge.check(token))
    if (!expected.includes(verdict))
      wrong.push(`${title}: ${verdict}, not ${expected.join(' or ')}`)
  }
  expect(forge.server.count(introspectPath)).toBe(0)
  return wrong
}

describe('the form of a token', () => {
  test('is three base64url parts, each in its one spelling', async () => {
    const forge = await startForge()
    const token = forge.token()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const padded = (part: string): string => part + '='.repeat((4 - (part.length % 4)) % 4 || 4)
    const standard = (part: string): string => part.replaceAll('-', '+').replaceAll('_', '/')
    /** The last character with its unused bits set. */
    const otherSpelling = (part: string): string => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const next = alphabet[alphabet.indexOf(part.at(-1) ?? '') + 1]
      return part.slice(0, -1) + next
    }
    const json = { payload, protected: header, signature }
    const tokens: Record<string, readonly [string, ...string[]]> = {
      'one part': [payload, 'token_malformed'],
      'two parts': [`${header}.${payload}`, 'token_malformed'],
      'no signature': [`${header}.${payload}.`, 'token_malformed'],
      'no payload': [`${header}..${signature}`, 'token_malformed'],
      'no header': [`.${payload}.${signature}`, 'token_malformed'],
      'four parts': [`${token}.${signature}`, 'token_malformed'],
      'five parts, a JWE': [`${token}.${signature}.${signature}`, 'token_malformed'],
      'a dot in front': [`.${token}`, 'token_malformed'],
      'a dot behind': [`${token}.`, 'token_malformed'],
      'flattened JSON': [JSON.stringify(json), 'malformed_authorization'],
      'padding everywhere': [
        [header, payload, signature].map(padded).join('.'),
        'malformed_authorization',
      ],
      'padding at the end': [`${token}==`, 'token_malformed'],
      'the standard alphabet': [`${header}.${payload}.${standard(signature)}+/`, 'token_malformed'],
      'a blank inside': [`${header}. ${payload}.${signature}`, 'malformed_authorization'],
      'a tilde': [`${header}.${payload}.${signature}~`, 'token_malformed'],
      'a length that no bytes have': [`${header}.${payload}.${'A'.repeat(85)}`, 'token_malformed'],
      'unused bits in the signature': [
        `${header}.${payload}.${otherSpelling(signature)}`,
        'token_malformed',
      ],
      'unused bits in the header': [
        `${otherSpelling(base64url('{"a":1}'))}.${payload}.${signature}`,
        'token_malformed',
        'header_refused',
      ],
      '10 000 dots': ['.'.repeat(10_000), 'token_malformed'],
      'dots and letters': ['a.'.repeat(5_000), 'token_malformed'],
      '16 KiB of one letter': ['a'.repeat(16_384), 'token_malformed'],
    }
    expect(gist(await forge.check(token))).toBe('allow')
    const asked = forge.server.count(introspectPath)
    expect(asked).toBe(1)
    const wrong: string[] = []
    for (const [title, [text, ...expected]] of Object.entries(tokens)) {
      const verdict = gist(await forge.check(text))
      if (!expected.includes(verdict)) wrong.push(`${title}: ${verdict}`)
    }
    expect(wrong).toEqual([])
    expect(forge.server.count(introspectPath)).toBe(asked)
  })

  test('is judged in microseconds, whatever it holds', async () => {
    const forge = await startForge()
    const hostile = [
      '.'.repeat(10_000),
      'a.'.repeat(8_000),
      `${'a'.repeat(16_000)}.a`,
      '-'.repeat(16_384),
    ]
    await forge.check('warm.up.now')
    const started = performance.now()
    for (let i = 0; i < 50; i++) for (const token of hostile) await forge.check(token)
    expect((performance.now() - started) / (50 * hostile.length)).toBeLessThan(1)
  })
})

describe('the algorithm', () => {
  test('is that of the key, whatever the header says', async () => {
    const forge = await startForge()
    const { ec, rsa } = forge
    const payload = forge.payload()
    const under = (header: object, key: SigningKey): string =>
      seal({ ...headerOf(key), ...header }, payload, key)
    const unsigned = (alg: string, signature: string): string =>
      `${base64url(JSON.stringify({ ...headerOf(ec), alg }))}.${base64url(payload)}.${signature}`
    const refused = 'algorithm_refused alg'
    const tokens: Record<string, readonly [string, ...string[]]> = {
      'ES256 header on the RSA key': [under({ kid: rsa.kid }, ec), refused],
      'RS256 header on the EC key': [under({ kid: ec.kid }, rsa), refused],
      'ES256 header, RSA signature and kid': [under({ alg: 'ES256' }, rsa), refused],
      'RS256 header, EC signature and kid': [under({ alg: 'RS256' }, ec), refused],
      'none with an empty signature': [unsigned('none', ''), 'token_malformed'],
    }
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      tokens[`"${alg}" with some signature`] = [unsigned(alg, 'AAAA'), refused]
    }
    for (const alg of ['es256', 'Es256', 'rs256', 'ES256 ', ' ES256', 'ES256K', 'ES384', 'ES512']) {
      tokens[alg] = [under({ alg }, ec), refused]
    }
    for (const alg of [
      'RS1',
      'RS384',
      'RS512',
      'PS256',
      'PS384',
      'PS512',
      'EdDSA',
      'Ed25519',
      'HS256',
      'dir',
    ]) {
      tokens[alg] = [under({ alg }, rsa), refused]
    }
    for (const alg of [['ES256'], { a: 1 }, null, 0, true, undefined]) {
      tokens[`alg ${JSON.stringify(alg)}`] = [under({ alg }, ec), refused]
    }
    expect(await mismatches(forge, tokens)).toEqual([])
  })

  test('never takes a public key for a secret', async () => {
    const forge = await startForge()
    const tokens: Record<string, readonly [string, ...string[]]> = {}
    for (const key of [forge.ec, forge.rsa]) {
      const pem = key.publicKey.export({ type: 'spki', format: 'pem' }) as string
      const jwk = JSON.stringify(key.jwk)
      const secrets: Record<string, string | Uint8Array> = {
        pem,
        'pem without its last line end': pem.trimEnd(),
        'pem with CRLF': pem.replaceAll('\n', '\r\n'),
        der: key.publicKey.export({ type: 'spki', format: 'der' }),
        jwk,
        'jwk as published': JSON.stringify({ keys: [key.jwk] }),
        n: Buffer.from(String(key.jwk.n ?? key.jwk.x), 'base64url'),
        'n as text': String(key.jwk.n ?? key.jwk.x),
        empty: '',
        kid: key.kid,
      }
      for (const [name, secret] of Object.entries(secrets)) {
        for (const [alg, hash] of [
          ['HS256', 'sha256'],
          ['HS384', 'sha384'],
          ['HS512', 'sha512'],
        ] as const) {
          for (const claimed of [alg, key.alg]) {
            const header = base64url(JSON.stringify({ alg: claimed, kid: key.kid, typ: 'JWT' }))
            const input = `${header}.${base64url(forge.payload())}`
            const mac = createHmac(hash, secret).update(input).digest('base64url')
            tokens[`${key.kid} ${name} ${alg} as ${claimed}`] = [
              `${input}.${mac}`,
              claimed === alg ? 'algorithm_refused alg' : 'bad_signature',
            ]
          }
        }
      }
    }
    expect(Object.keys(tokens)).toHaveLength(120)
    expect(await mismatches(forge, tokens)).toEqual([])
  })
})

describe('the signature', () => {
  test('holds for these very bytes, this key and this encoding', async () => {
    const forge = await startForge()
    const { ec, rsa } = forge
    const header = base64url(JSON.stringify(headerOf(ec)))
    const input = `${header}.${base64url(forge.payload())}`
    const rsaInput = `${base64url(JSON.stringify(headerOf(rsa)))}.${base64url(forge.payload())}`
    const good = signed(input, ec)
    const bytes = Buffer.from(good, 'base64url')
    const stranger = createSigningKey('ES256', ec.kid)
    const strangerRsa = createSigningKey('RS256', rsa.kid)
    const order = Buffer.from(
      'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
      'hex',
    )
    const zero = Buffer.alloc(32)
    const one = Buffer.concat([Buffer.alloc(31), Buffer.from([1])])
    const pair = (r: Uint8Array, s: Uint8Array): string => base64url(Buffer.concat([r, s]))
    const flipped = Buffer.from(bytes)
    flipped[40] = (flipped[40] as number) ^ 1
    const signatures: Record<string, string> = {
      'one bit off': base64url(flipped),
      'r and s swapped': pair(bytes.subarray(32), bytes.subarray(0, 32)),
      'r = s = 0 (psychic)': pair(zero, zero),
      'r = 0': pair(zero, bytes.subarray(32)),
      's = 0': pair(bytes.subarray(0, 32), zero),
      'r = s = 1': pair(one, one),
      'r = s = n': pair(order, order),
      'r = n, s = 0': pair(order, zero),
      DER: signed(input, ec, 'sha256', { dsaEncoding: 'der' }),
      'DER of zeroes': base64url(Buffer.from('3006020100020100', 'hex')),
      'a byte more': base64url(Buffer.concat([bytes, Buffer.from([0])])),
      'a zero in front': base64url(Buffer.concat([Buffer.from([0]), bytes])),
      'a byte less': base64url(bytes.subarray(0, 63)),
      'one byte': 'AA',
      twice: base64url(Buffer.concat([bytes, bytes])),
      'another key of the same kid': signed(input, stranger),
      'another hash': signed(input, ec, 'sha512'),
      'the RSA key': signed(input, rsa),
    }
    const tokens: Record<string, readonly [string, ...string[]]> = {
      'another payload': [
        `${header}.${base64url(forge.payload({ sub: '"admin"' }))}.${good}`,
        'bad_signature',
      ],
      'another header': [
        `${base64url(JSON.stringify({ ...headerOf(ec), extra: 1 }))}.${input.split('.')[1]}.${good}`,
        'bad_signature',
      ],
      'RSA-PSS': [
        `${rsaInput}.${signed(rsaInput, rsa, 'sha256', { padding: 6, saltLength: 32 })}`,
        'bad_signature',
      ],
      'RSA, another hash': [`${rsaInput}.${signed(rsaInput, rsa, 'sha1')}`, 'bad_signature'],
      'RSA, another key of the same kid': [
        `${rsaInput}.${signed(rsaInput, strangerRsa)}`,
        'bad_signature',
      ],
      'RSA, zero': [`${rsaInput}.${base64url(Buffer.alloc(256))}`, 'bad_signature'],
      'RSA, one': [
        `${rsaInput}.${base64url(Buffer.concat([Buffer.alloc(255), Buffer.from([1])]))}`,
        'bad_signature',
      ],
      'RSA, a zero in front': [
        `${rsaInput}.${base64url(Buffer.concat([Buffer.from([0]), Buffer.from(signed(rsaInput, rsa), 'base64url')]))}`,
        'bad_signature',
      ],
    }
    for (const [title, signature] of Object.entries(signatures)) {
      tokens[title] = [`${input}.${signature}`, 'bad_signature']
    }
    expect(await mismatches(forge, tokens)).toEqual([])
    expect(gist(await forge.check(`${input}.${good}`))).toBe('allow')
    expect(gist(await forge.check(`${rsaInput}.${signed(rsaInput, rsa)}`))).toBe('allow')
  })
})

describe('the header', () => {
  test('is a JSON object that names no key, no extension and no other type', async () => {
    const forge = await startForge()
    const { ec } = forge
    const attacker = createSigningKey('ES256', 'attacker')
    const headers: Record<string, readonly [unknown, string]> = {
      'crit empty': [{ crit: [] }, 'crit'],
      'crit b64': [{ crit: ['b64'], b64: true }, 'crit'],
      'crit exp': [{ crit: ['exp'], exp: 1 }, 'crit'],
      'crit null': [{ crit: null }, 'crit'],
      'b64 true': [{ b64: true }, 'b64'],
      'b64 false': [{ b64: false }, 'b64'],
      zip: [{ zip: 'DEF' }, 'zip'],
      enc: [{ enc: 'A256GCM' }, 'enc'],
      'cty JWT': [{ cty: 'JWT' }, 'cty'],
      jwk: [{ jwk: attacker.jwk }, 'jwk'],
      x5c: [{ x5c: ['MIIB'] }, 'x5c'],
      x5t: [{ x5t: 'AAAA' }, 'x5t'],
      'x5t#S256': [{ 'x5t#S256': 'AAAA' }, 'x5t#S256'],
      'jku file': [{ jku: 'file:///etc/passwd' }, 'jku'],
      'x5u null': [{ x5u: null }, 'x5u'],
      'typ at+jwt': [{ typ: 'at+jwt' }, 'typ'],
      'typ jwt': [{ typ: 'jwt' }, 'typ'],
      'typ JWS': [{ typ: 'JWS' }, 'typ'],
      'typ application/jwt': [{ typ: 'application/jwt' }, 'typ'],
      'typ empty': [{ typ: '' }, 'typ'],
      'typ null': [{ typ: null }, 'typ'],
      'typ array': [{ typ: ['JWT'] }, 'typ'],
    }
    const tokens: Record<string, readonly [string, ...string[]]> = {}
    for (const [title, [members, detail]] of Object.entries(headers)) {
      const header = { ...headerOf(ec), ...(members as object) }
      tokens[title] = [seal(header, forge.payload(), ec), `header_refused ${detail}`]
      // A key that the header brings along verifies nothing either.
      tokens[`${title}, self-signed`] = [
        seal(header, forge.payload(), attacker),
        `header_refused ${detail}`,
      ]
    }
    const text = JSON.stringify(headerOf(ec))
    const raw: Record<string, string | Uint8Array> = {
      'alg twice': `${text.slice(0, -1)},"alg":"ES256"}`,
      'alg none first': `{"alg":"none",${text.slice(1)}`,
      'kid twice, escaped': `${text.slice(0, -1)},"\\u006bid":"x"}`,
      __proto__: `${text.slice(0, -1)},"__proto__":{"alg":"ES256"}}`,
      array: `[${text}]`,
      null: 'null',
      text: '"ES256"',
      'trailing byte': `${text}x`,
      'invalid UTF-8': Buffer.concat([
        Buffer.from(`${text.slice(0, -1)},"x":"`),
        Buffer.from([0xff]),
        Buffer.from('"}'),
      ]),
      BOM: `\ufeff${text}`,
      'nested deeply': `${text.slice(0, -1)},"x":${'['.repeat(40)}${']'.repeat(40)}}`,
      empty: ' ',
    }
    for (const [title, header] of Object.entries(raw)) {
      tokens[title] = [seal(header, forge.payload(), ec), 'header_refused']
    }
    expect(await mismatches(forge, tokens)).toEqual([])
  })

  test.each([
    {},
    { typ: undefined },
    { typ: 'JOSE' },
    { iss: 'https://evil.example' },
    { foo: [1] },
  ])('may be otherwise: %j', async (members) => {
    const forge = await startForge()
    const token = seal({ ...headerOf(forge.ec), ...members }, forge.payload(), forge.ec)
    expect(gist(await forge.check(token))).toBe('allow')
  })

  test('makes the gate fetch nothing', async () => {
    const visits: string[] = []
    const lure = createServer((request, response) => {
      visits.push(request.url ?? '')
      response.end('{"keys":[]}')
    })
    await new Promise<void>((resolve) => lure.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void lure.close())
    const url = `http://127.0.0.1:${(lure.address() as { port: number }).port}`
    const forge = await startForge()
    const attacker = createSigningKey('ES256', `${url}/kid`)
    for (const members of [
      { jku: `${url}/jku` },
      { x5u: `${url}/x5u` },
      { kid: `${url}/kid` },
      { iss: url },
    ]) {
      const token = seal(
        { ...headerOf(attacker), kid: forge.ec.kid, ...members },
        forge.payload({ iss: JSON.stringify(url) }),
        attacker,
      )
      expect((await forge.check(token)).outcome).toBe('deny')
    }
    expect(visits).toEqual([])
    expect(forge.server.count(jwksPath)).toBe(1)
  })
})

const kids: readonly (readonly [string, unknown])[] = [
  ['unknown', 'zeroid-key-99'],
  ['a path', '../../../../etc/passwd'],
  ['an absolute path', '/dev/null'],
  ['a URL', 'https://evil.example/key'],
  ['SQL', "x' UNION SELECT 'secret';--"],
  ['a shell word', '$(id)`id`|id'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['toString', 'toString'],
  ['CRLF', 'a\r\nX-Forwarded-User: admin'],
  ['a quote', 'a", error="none'],
  ['NUL', 'ec-1\0'],
  ['a blank behind the true one', 'ec-1 '],
  ['the true one in another case', 'EC-1'],
  ['the true one and a digit', 'ec-11'],
  ['beyond ASCII', 'ec\u20111'],
  ['4 kB', 'k'.repeat(4_096)],
]

describe('the kid', () => {
  test.each(kids)('that is %s is refused and not repeated', async (_title, kid) => {
    const recorder = createRecorder()
    const { ec, payload, check, present, server, gate } = await startForge({ observer: recorder })
    const token = seal({ ...headerOf(ec), kid }, payload(), ec)
    expect(gist(await check(token))).toBe('unknown_key')
    const answer = await present(token)
    expect(answer.status).toBe(401)
    const shown = JSON.stringify([
      [...answer.headers],
      await answer.text(),
      gate.status(),
      recorder.notes,
      server.seen,
    ])
    expect(shown).not.toContain(JSON.stringify(kid).slice(1, -1))
    expect(server.count(introspectPath)).toBe(0)
  })

  test.each([1, null, '', [], ['ec-1'], {}, true, undefined])(
    'that is %j is refused',
    async (kid) => {
      const forge = await startForge()
      const token = seal({ ...headerOf(forge.ec), kid }, forge.payload(), forge.ec)
      expect(gist(await forge.check(token))).toBe('header_refused kid')
      expect(forge.server.count(jwksPath)).toBe(1)
    },
  )
})
