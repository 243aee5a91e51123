import { describe, expect, test } from 'vitest'
import type { RawClaims } from '../helpers/forge.ts'
import { gist, headerOf, seal, startForge } from '../helpers/forge.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { introspectPath } from '../helpers/server.ts'
import { bearer, createRecorder } from '../helpers/stack.ts'

type Row = readonly [title: string, changed: RawClaims, expected: string]

const now = Math.floor(Date.now() / 1000)
const wrongTypes = ['null', '42', 'true', '["a"]', '{"a":"b"}', '{}', '[]']
const controls = ['\\n', '\\r', '\\u0000', '\\t', '\\u007f', '\\u0085', '\\u001b']
const outerSpaces = [' a', 'a ', '\\u00a0a', 'a\\u2003', '\\ufeffa', 'a\\u2028', ' ']
const loneSurrogates = ['\\ud800', 'a\\udc00b', '\\udc00\\ud800']

/** What no text claim may be. */
const badTexts = [
  ...wrongTypes,
  ...controls.map((text) => `"a${text}b"`),
  ...outerSpaces.map((text) => `"${text}"`),
  ...loneSurrogates.map((text) => `"${text}"`),
]

const required = ['sub', 'account_id', 'project_id', 'jti']
const optional = ['identity_type', 'trust_level', 'external_id', 'owner_user_id', 'mission_id']

/** Checks the rows under one gate and returns those that came out otherwise. */
async function mismatches(rows: readonly Row[], options = {}): Promise<string[]> {
  const forge = await startForge(options)
  expect(gist(await forge.check(forge.token()))).toBe('allow')
  const asked = forge.server.count(introspectPath)
  const wrong: string[] = []
  let allowed = 0
  for (const [title, changed, expected] of rows) {
    const verdict = gist(await forge.check(forge.token(changed)))
    if (verdict === 'allow') allowed++
    if (verdict !== expected) wrong.push(`${title}: ${verdict}, not ${expected}`)
  }
  // What the gate refuses by itself costs the server nothing.
  expect(forge.server.count(introspectPath) - asked).toBe(allowed)
  return wrong
}

const rowsFor = (names: readonly string[], values: readonly string[], reason: string): Row[] =>
  names.flatMap((name) =>
    values.map((value): Row => [`${name} = ${value}`, { [name]: value }, `${reason} ${name}`]),
  )

describe('a claim', () => {
  test.each<readonly [string, Row[]]>([
    [
      'that is required and absent or empty is refused',
      [
        ...rowsFor(required, ['""'], 'claim_missing'),
        ...required.map((name): Row => [name, { [name]: undefined }, `claim_missing ${name}`]),
      ],
    ],
    ['that is required and no plain text is refused', rowsFor(required, badTexts, 'claim_invalid')],
    [
      'that is optional and no plain text is refused, never written as a header',
      rowsFor([...optional, 'principal_type'], badTexts, 'claim_invalid'),
    ],
    [
      'that is optional and empty or absent is not there',
      [...optional, 'principal_type', 'aud', 'scopes', 'act', 'cnf'].flatMap((name): Row[] => [
        [`${name} absent`, { [name]: undefined }, 'allow'],
        ...(optional.includes(name) ? [[`${name} empty`, { [name]: '""' }, 'allow'] as const] : []),
      ]),
    ],
    [
      'of any name that the gate does not know changes nothing',
      [
        ['active', { active: 'false' }, 'allow'],
        ['scope', { scope: '"admin"' }, 'allow'],
        // biome-ignore lint/suspicious/noThenProperty: a claim may be called so
        ['then', { then: '"x"' }, 'allow'],
        ['toString', { toString: '"x"' }, 'allow'],
        ['hasOwnProperty', { hasOwnProperty: '"x"' }, 'allow'],
        ['constructor', { constructor: '{"prototype":{"isAdmin":true}}' }, 'allow'],
        ['nested', { any: '{"a":{"b":[[[{"c":1}]]]}}' }, 'allow'],
      ],
    ],
  ])('%s', async (_title, rows) => {
    expect(await mismatches(rows)).toEqual([])
  })
})

describe('a time', () => {
  const times: Row[] = [
    ['exp absent', { exp: undefined }, 'claim_missing exp'],
    ['exp past', { exp: String(now - 60) }, 'token_expired'],
    ['exp 0', { exp: '0' }, 'token_expired'],
    ['exp -0', { exp: '-0' }, 'token_expired'],
    ['exp negative', { exp: '-9e15' }, 'token_expired'],
    ['exp far away', { exp: String(now + 90 * 86_400) }, 'allow'],
    ['exp absurdly far', { exp: '1e15' }, 'allow'],
    ['exp with a fraction', { exp: `${now + 60}.5` }, 'allow'],
    ['nbf past', { nbf: String(now - 60) }, 'allow'],
    ['nbf future', { nbf: String(now + 3_600) }, 'token_not_yet_valid'],
    ['nbf far', { nbf: '1e300' }, 'token_not_yet_valid'],
    ['iat absent', { iat: undefined }, 'claim_missing iat'],
    ['iat future', { iat: String(now + 3_600) }, 'token_not_yet_valid'],
    ['iat far', { iat: '1e308' }, 'token_not_yet_valid'],
    ...['exp', 'nbf', 'iat'].flatMap((name) =>
      ['null', `"${now}"`, 'true', `[${now}]`, '{}', '""', '1e400', '-1e400'].map(
        (value): Row => [`${name} = ${value}`, { [name]: value }, `claim_invalid ${name}`],
      ),
    ),
  ]
  test('is a finite number, and the present lies between', async () => {
    expect(await mismatches(times)).toEqual([])
  })

  test.each(['nbf', 'iat'])('a little ahead is asked about: %s', async (name) => {
    // The server's clock may have moved since it last told us the time.
    const forge = await startForge()
    const verdict = gist(await forge.check(forge.token({ [name]: String(now + 60) })))
    expect(verdict).toBe('dated_ahead')
    expect(forge.server.count(introspectPath)).toBe(1)
  })

  test('has the leeway of the settings and no more', async () => {
    const rows: Row[] = [
      ['expired within', { exp: String(now - 5) }, 'allow'],
      ['expired past it', { exp: String(now - 60) }, 'token_expired'],
      ['from within', { nbf: String(now + 5), iat: String(now + 5) }, 'allow'],
    ]
    expect(await mismatches(rows, { clockSkew: 30_000 })).toEqual([])
  })
})

describe('the issuer', () => {
  test('is one text, equal to the letter', async () => {
    const forge = await startForge()
    const { url } = forge.server
    const rows: Row[] = [
      ['absent', { iss: undefined }, 'claim_missing iss'],
      ['empty', { iss: '""' }, 'claim_missing iss'],
      ['null', { iss: 'null' }, 'claim_invalid iss'],
      ['array', { iss: JSON.stringify([url]) }, 'claim_invalid iss'],
      ['object', { iss: '{}' }, 'claim_invalid iss'],
      ['prefix', { iss: JSON.stringify(url.slice(0, -1)) }, 'wrong_issuer'],
      ['suffix', { iss: JSON.stringify(`${url}.evil.example`) }, 'wrong_issuer'],
      ['slash', { iss: JSON.stringify(`${url}/`) }, 'wrong_issuer'],
      ['case', { iss: JSON.stringify(url.toUpperCase()) }, 'wrong_issuer'],
      ['https', { iss: JSON.stringify(url.replace('http', 'https')) }, 'wrong_issuer'],
      ['userinfo', { iss: JSON.stringify(url.replace('//', '//a@')) }, 'wrong_issuer'],
      ['other', { iss: '"https://evil.example"' }, 'wrong_issuer'],
      ['escaped, the same text', { iss: `"\\u0068${url.slice(1)}"` }, 'allow'],
    ]
    const seen = await Promise.all(
      rows.map(
        async ([title, changed]) => `${title}: ${gist(await forge.check(forge.token(changed)))}`,
      ),
    )
    expect(seen).toEqual(rows.map(([title, , expected]) => `${title}: ${expected}`))
  })
})

describe('the audience', () => {
  const wrongTypesOfAudience: Row[] = ['null', '1', '{}', '[1]', '["a",null]', '[["a"]]'].map(
    (aud): Row => [aud, { aud }, 'claim_invalid aud'],
  )

  test('is not compared where none is configured, but is text', async () => {
    const rows: Row[] = [
      ['other', { aud: '"https://other.example"' }, 'allow'],
      ['absent', { aud: undefined }, 'allow'],
      ['empty list', { aud: '[]' }, 'allow'],
      ...wrongTypesOfAudience,
    ]
    expect(await mismatches(rows)).toEqual([])
  })

  test('names one of those configured, to the letter', async () => {
    const forge = await startForge({ audience: ['https://a.example', 'https://b.example'] })
    const rows: Row[] = [
      ['one', { aud: '"https://a.example"' }, 'allow'],
      ['second', { aud: '["x","https://b.example"]' }, 'allow'],
      ['absent', { aud: undefined }, 'wrong_audience'],
      ['empty list', { aud: '[]' }, 'wrong_audience'],
      ['issuer', {}, 'wrong_audience'],
      ['prefix', { aud: '"https://a.exampl"' }, 'wrong_audience'],
      ['suffix', { aud: '"https://a.example.evil"' }, 'wrong_audience'],
      ['slash', { aud: '["https://a.example/"]' }, 'wrong_audience'],
      ['case', { aud: '"HTTPS://A.EXAMPLE"' }, 'wrong_audience'],
      ['joined', { aud: '"https://a.example,https://b.example"' }, 'wrong_audience'],
      ...wrongTypesOfAudience,
    ]
    const wrong: string[] = []
    for (const [title, changed, expected] of rows) {
      const verdict = gist(await forge.check(forge.token(changed)))
      if (verdict !== expected) wrong.push(`${title}: ${verdict}, not ${expected}`)
    }
    expect(wrong).toEqual([])
  })
})

describe('scopes, depth and key binding', () => {
  const refusals = (name: string, values: readonly string[]): Row[] =>
    values.map((value): Row => [value, { [name]: value }, `claim_invalid ${name}`])

  test('have the types that the server gives them', async () => {
    const rows: Row[] = [
      ['no scopes', { scopes: '[]' }, 'allow'],
      ['null scopes', { scopes: 'null' }, 'allow'],
      ['a scope with any visible character', { scopes: '["a:b/c.d-e_f~!*"]' }, 'allow'],
      ...refusals('scopes', ['"a b"', '1', '{}', '[1]', '[null]', '[["a"]]', '["a b"]', '[""]']),
      ...refusals('scopes', ['["a\\n"]', '["a\\""]', '["a\\\\"]', '["\\u00e9"]', '["a",{}]']),
      ['depth 0', { delegation_depth: '0' }, 'allow'],
      ['depth 1.0', { delegation_depth: '1.0' }, 'allow'],
      ...refusals('delegation_depth', ['-1', '1.5', '"1"', 'null', '1e400', '[1]', '1e16', '{}']),
    ]
    expect(await mismatches(rows)).toEqual([])
  })

  const thumbprint = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
  const unusable = [
    '{}',
    'null',
    '"a"',
    '1',
    '[]',
    'true',
    '{"jkt":""}',
    '{"jkt":1}',
    '{"jkt":null}',
    `{"jkt":["${thumbprint}"]}`,
    `{"jkt":"${thumbprint} "}`,
    `{"jkt":"${thumbprint}="}`,
    `{"jkt":"${thumbprint.slice(1)}"}`,
    `{"jkt":"${thumbprint.slice(1)}\\n"}`,
    `{"JKT":"${thumbprint}"}`,
    `{"x5t#S256":"${thumbprint}"}`,
  ]

  test('a key that is named in no usable way is one that nobody can show', async () => {
    const forge = await startForge()
    const key = makeProofKey()
    for (const cnf of unusable) {
      const token = forge.token({ cnf })
      expect(gist(await forge.check(token)), cnf).toBe('proof_missing')
      const answer = await forge.verify({
        authorization: `DPoP ${token}`,
        dpop: proof({ key, url: 'https://api.example.com/', token }),
        'x-forwarded-method': 'GET',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'api.example.com',
        'x-forwarded-uri': '/',
      })
      const problem = answer.headers.get('x-zeroid-problem')
      expect(`${answer.status} ${problem}`, cnf).toBe('401 {"error":"invalid_dpop_proof"}')
    }
  })

  test('no binding matters where nobody asks for proofs, as to the server itself', async () => {
    const rows = [`{"jkt":"${thumbprint}"}`, ...unusable].map((cnf): Row => [cnf, { cnf }, 'allow'])
    expect(await mismatches(rows, { dpop: false })).toEqual([])
  })
})

/** An `act` chain of that many levels. */
const chain = (levels: number): string =>
  Array.from({ length: levels }, (_, i) => levels - i).reduce(
    (inner, level) => `{"sub":"spiffe://zeroid.test/a/${level}"${inner ? `,"act":${inner}` : ''}}`,
    '',
  )

describe('the act chain', () => {
  test.each(['legacy', 'rfc8693'])(
    'is read to 16 levels and refused at 17 (%s)',
    async (profile) => {
      const base: RawClaims = profile === 'legacy' ? {} : { principal_type: '"user"' }
      const rows: Row[] = [
        ...[1, 2, 15, 16].map((n): Row => [`${n} levels`, { ...base, act: chain(n) }, 'allow']),
        ['17 levels', { ...base, act: chain(17) }, 'claim_invalid act'],
        ['30 levels', { ...base, act: chain(30) }, 'claim_invalid act'],
        ['200 levels', { ...base, act: chain(200) }, 'claims_malformed'],
        ...['null', '"a"', '1', '[]', '[{"sub":"a"}]'].map(
          (act): Row => [act, { ...base, act }, 'claim_invalid act'],
        ),
        ['no sub', { ...base, act: '{}' }, 'claim_missing sub'],
        ['no inner sub', { ...base, act: '{"sub":"a","act":{"sub":""}}' }, 'claim_missing sub'],
        ['inner null', { ...base, act: '{"sub":"a","act":null}' }, 'claim_invalid act'],
        ...badTexts.map(
          (sub): Row => [sub, { ...base, act: `{"sub":${sub}}` }, 'claim_invalid sub'],
        ),
        ...['identity_type', 'trust_level', 'external_id'].map(
          (name): Row => [
            name,
            { ...base, act: `{"sub":"a","${name}":["b"]}` },
            `claim_invalid ${name}`,
          ],
        ),
      ]
      expect(await mismatches(rows)).toEqual([])
    },
  )

  test('names the actor by the profile', async () => {
    const forge = await startForge()
    const act =
      '{"sub":"spiffe://zeroid.test/a/parent","act":{"sub":"spiffe://zeroid.test/a/first"}}'
    const legacy = await forge.check(forge.token({ sub: '"spiffe://zeroid.test/a/me"', act }))
    const rfc8693 = await forge.check(
      forge.token({ sub: '"user_1"', act, principal_type: '"user"', delegation_depth: '2' }),
    )
    expect(legacy.identity).toMatchObject({
      subject: 'spiffe://zeroid.test/a/me',
      actor: 'spiffe://zeroid.test/a/me',
      actSubject: 'spiffe://zeroid.test/a/parent',
    })
    expect(rfc8693.identity).toMatchObject({
      subject: 'user_1',
      actor: 'spiffe://zeroid.test/a/parent',
      actSubject: 'spiffe://zeroid.test/a/parent',
      delegationDepth: 2,
    })
  })
})

describe('a payload', () => {
  const good = async (): Promise<{
    check: (payload: string | Uint8Array) => Promise<string>
    text: string
  }> => {
    const forge = await startForge()
    const check = async (payload: string | Uint8Array): Promise<string> =>
      gist(await forge.check(seal(headerOf(forge.ec), payload, forge.ec)))
    return { check, text: forge.payload() }
  }
  const open = (text: string): string => text.slice(0, -1)

  test('is one JSON object in valid UTF-8, and nothing behind it', async () => {
    const { check, text } = await good()
    expect(await check(text)).toBe('allow')
    expect(await check(` ${text}\n`)).toBe('allow')
    const refused: (string | Uint8Array)[] = [
      `[${text}]`,
      '[]',
      'null',
      'true',
      '1',
      '"text"',
      `${text}x`,
      `${text}{}`,
      `${text}\0`,
      `\ufeff${text}`,
      `/*a*/${text}`,
      `${open(text)},}`,
      text.replaceAll('"', "'"),
      `${open(text)},"x":NaN}`,
      `${open(text)},"x":01}`,
      `${open(text)},"x":"\n"}`,
      `${open(text)},"x":"\\x41"}`,
      Buffer.from(text, 'utf16le'),
      ...[[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]].map((bytes) =>
        Buffer.concat([
          Buffer.from(`${open(text)},"name":"`),
          Buffer.from(bytes),
          Buffer.from('"}'),
        ]),
      ),
    ]
    for (const payload of refused) expect(await check(payload)).toBe('claims_malformed')
  })

  test('has no member twice, however it is spelt and wherever it stands', async () => {
    const { check, text } = await good()
    for (const added of [
      '"sub":"admin"',
      '"\\u0073ub":"admin"',
      '"exp":9999999999',
      '"any":{"a":1,"a":2}',
      '"any":[[{"a":1,"\\u0061":2}]]',
      '"":1,"":2',
      '"a\\"":1,"a\\u0022":2',
      '"1":1,"1":2',
    ]) {
      expect(await check(`${open(text)},${added}}`)).toBe('claims_malformed')
      expect(await check(`{${added},${text.slice(1)}`)).toBe('claims_malformed')
    }
    // Texts that look like members are none.
    for (const added of ['"any":"\\"sub\\":1,\\"sub\\":2"', '"any":["a","a"]', '"any": "b\\\\"']) {
      expect(await check(`${open(text)},${added}}`)).toBe('allow')
    }
  })

  test('with a __proto__ member anywhere is refused and pollutes nothing', async () => {
    const { check, text } = await good()
    for (const added of [
      '"__proto__":{"isAdmin":true}',
      '"\\u005f_proto__":null',
      '"act":{"sub":"a","__proto__":{"sub":"b"}}',
      '"any":[{"__proto__":1}]',
    ]) {
      expect(await check(`${open(text)},${added}}`)).toBe('claims_malformed')
    }
    expect(Object.hasOwn(Object.prototype, 'isAdmin')).toBe(false)
  })

  test('gets no claim from a prototype', async () => {
    const { check } = await good()
    const inherited = Object.prototype as Record<string, unknown>
    inherited.grant_type = 'client_credentials'
    try {
      const forge = await startForge()
      expect(gist(await forge.check(forge.token({ grant_type: undefined })))).toBe(
        'not_an_access_token grant_type',
      )
    } finally {
      delete inherited.grant_type
    }
    expect(await check('{}')).toBe('claim_missing iss')
  })

  test('is refused where it is nested too deeply, at once', async () => {
    const { check, text } = await good()
    const nested = (levels: number, left: string, right: string): string =>
      `${open(text)},"any":${left.repeat(levels)}1${right.repeat(levels)}}`
    expect(await check(nested(30, '[', ']'))).toBe('allow')
    expect(await check(nested(34, '[', ']'))).toBe('claims_malformed')
    expect(await check(nested(34, '{"a":', '}'))).toBe('claims_malformed')
    expect(await check(nested(5_000, '[', ']'))).toBe('claims_malformed')
    expect(await check(`${'['.repeat(11_000)}`)).toBe('claims_malformed')
  })
})

describe('what else the server signs with its key', () => {
  const proof: RawClaims = {
    grant_type: undefined,
    identity_type: undefined,
    trust_level: undefined,
    external_id: undefined,
    scopes: undefined,
    nonce: '"n"',
  }
  test.each<readonly [string, RawClaims, Record<string, unknown>, string]>([
    ['a proof token', proof, {}, 'not_an_access_token grant_type'],
    [
      'an authorization code',
      { ...proof, code_challenge: '"x"' },
      {},
      'not_an_access_token grant_type',
    ],
    [
      'a security event token without a type',
      {
        ...proof,
        events: '{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}',
      },
      {},
      'not_an_access_token grant_type',
    ],
    ['a security event token', proof, { typ: 'secevent+jwt' }, 'header_refused typ'],
    [
      'an ID-JAG',
      { ...proof, grant_type: '"id-jag"' },
      { typ: 'oauth-id-jag+jwt' },
      'header_refused typ',
    ],
    ['a DPoP proof', proof, { typ: 'dpop+jwt' }, 'header_refused typ'],
    ['a logout token', proof, { typ: 'logout+jwt' }, 'header_refused typ'],
  ])('%s is no access token', async (_title, changed, header, expected) => {
    const recorder = createRecorder()
    const { server, ec, payload, gate } = await startForge({ observer: recorder })
    const token = seal({ ...headerOf(ec), ...header }, payload(changed), ec)
    expect(gist(await gate.check(bearer(token)))).toBe(expected)
    expect(server.count(introspectPath)).toBe(0)
  })

  test('an API key and a refresh token are no tokens at all', async () => {
    const { check } = await startForge()
    for (const text of ['zid_sk_0123456789abcdef0123456789abcdef', 'zid_rt_0123456789abcdef.a']) {
      expect(gist(await check(text))).toBe('token_malformed')
    }
  })
})
