import { constants, generateKeyPairSync, hash, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ProofContext } from '../../src/dpop/proofs.ts'
import type { ProofKey, ProofParts } from '../helpers/proofs.ts'
import { makeProofKey, sealProof, thumbprintOf } from '../helpers/proofs.ts'
import type { Asking } from './asking.ts'
import { carrying, createAsking, gistOf, key, start, target, token, url } from './asking.ts'

const other = makeProofKey()
const rsa = makeProofKey('RS256')
const pss = makeProofKey('PS256')
const edwards = makeProofKey('EdDSA')
const p384 = makeProofKey('ES384')
const seconds = start / 1000

type Fields = string | readonly string[]
type Case = readonly [
  name: string,
  says: string,
  spoil: (asking: Asking) => Fields | readonly [Fields, Partial<ProofContext>],
]

/** A good proof with one thing replaced. */
const made =
  (parts: Partial<ProofParts>): Case[2] =>
  ({ make }) =>
    make(parts)
const claims = (changed: Record<string, unknown>): Case[2] => made({ claims: changed })
const header = (changed: Record<string, unknown>): Case[2] => made({ header: changed })
const jwk = (changed: Record<string, unknown>): Case[2] =>
  header({ jwk: { ...key.jwk, ...changed } })
const asked = (changed: Partial<ProofContext>): Case[2] => {
  return ({ make }) => [make(), changed] as const
}
const toward = (changed: Partial<typeof target>): Case[2] =>
  asked({ target: { ...target, ...changed } })

/** The key that the token is bound to is what the header says, however broken. */
function bound(own: ProofKey, changed: Record<string, string | undefined> = {}): Case[2] {
  const spoilt = { ...own.jwk, ...changed }
  return ({ make }) => [
    make({ key: own, header: { jwk: spoilt } }),
    { keyThumbprint: thumbprintOf(spoilt) },
  ]
}

/** A part of the compact form, as it is, replaced. */
const part =
  (at: number, change: (text: string) => string): Case[2] =>
  ({ make }) =>
    make()
      .split('.')
      .map((text, i) => (i === at ? change(text) : text))
      .join('.')

const text = (payload: string | Uint8Array): Case[2] => {
  return () =>
    sealProof(JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk }), payload, key)
}
const headerText = (value: string | Uint8Array): Case[2] => {
  return () => sealProof(value, '{}', key)
}

function flipped(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url')
  bytes[10] = (bytes[10] ?? 0) ^ 1
  return bytes.toString('base64url')
}

/** An RSA key of any size and exponent, which signs as well as the good one does. */
function rsaOf(modulusLength: number, publicExponent = 65_537): ProofKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  const own = publicKey.export({ format: 'jwk' }) as Record<string, string>
  return { alg: 'RS256', privateKey, publicKey, jwk: own, thumbprint: thumbprintOf(own) }
}

const big = (bits: number): string =>
  Buffer.alloc(bits / 8, 0xff)
    .toString('base64url')
    .toString()

/** Every encoding of the points of small order that OpenSSL reads, with either sign. */
const smallPoints = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].flatMap((point) => {
  const signed = Buffer.from(point, 'hex')
  signed[31] = (signed[31] ?? 0) | 0x80
  return [point, signed.toString('hex')]
})

const cases: readonly Case[] = [
  // The header field: RFC 9449 §4.3, criterion 1.
  ['no proof at all', 'proof_missing', () => []],
  ['two proofs', 'several_proofs', ({ make }) => [make(), make()]],
  [
    'the same proof twice',
    'several_proofs',
    ({ make }) => {
      const one = make()
      return [one, one]
    },
  ],
  ['two proofs in one header', 'several_proofs', ({ make }) => `${make()}, ${make()}`],
  [
    'a thousand headers, among which another may have been lost',
    'several_proofs',
    ({ make }) => [
      make(),
      { rawHeaders: [...Array.from({ length: 2000 }, () => 'X'), 'DPoP', make()] },
    ],
  ],
  ['more than 8 KiB', 'invalid_dpop_proof', made({ claims: { padding: 'a'.repeat(6_000) } })],
  ['an empty header', 'invalid_dpop_proof', () => ''],

  // The compact form: criterion 2, RFC 7515 §7.1.
  ['one part', 'invalid_dpop_proof', () => 'proof'],
  ['two parts', 'invalid_dpop_proof', ({ make }) => make().split('.').slice(0, 2).join('.')],
  ['four parts', 'invalid_dpop_proof', ({ make }) => `${make()}.e30`],
  ['an empty signature', 'invalid_dpop_proof', part(2, () => '')],
  ['padding', 'invalid_dpop_proof', part(1, (one) => `${one}=`)],
  ['a blank behind it', 'invalid_dpop_proof', ({ make }) => `${make()} `],
  ['a character of plain base64', 'invalid_dpop_proof', part(1, (one) => `${one.slice(0, -1)}+`)],
  [
    'unused bits in its last character',
    'invalid_dpop_proof',
    part(2, (one) => `${one.slice(0, -1)}${one.endsWith('A') ? 'B' : 'h'}`),
  ],
  ['the JSON form', 'invalid_dpop_proof', () => '{"payload":"e30","signatures":[]}'],

  // The JOSE header: criteria 4 to 7.
  ['a header that is no JSON', 'invalid_dpop_proof', headerText('typ=dpop+jwt')],
  ['a header that is a list', 'invalid_dpop_proof', headerText('[]')],
  [
    'a header with a member twice',
    'invalid_dpop_proof',
    headerText(`{"typ":"dpop+jwt","alg":"none","alg":"ES256","jwk":${JSON.stringify(key.jwk)}}`),
  ],
  ['a header that is no UTF-8', 'invalid_dpop_proof', headerText(Buffer.from([0x7b, 0xff, 0x7d]))],
  ['no typ', 'invalid_dpop_proof typ', header({ typ: undefined })],
  ['the typ of a token', 'invalid_dpop_proof typ', header({ typ: 'JWT' })],
  ['the typ of an access token', 'invalid_dpop_proof typ', header({ typ: 'at+jwt' })],
  ['a typ in other case', 'invalid_dpop_proof typ', header({ typ: 'DPoP+JWT' })],
  ['a typ that is a list', 'invalid_dpop_proof typ', header({ typ: ['dpop+jwt'] })],
  ['no alg', 'invalid_dpop_proof alg', header({ alg: undefined })],
  ['an alg that is a list', 'invalid_dpop_proof alg', header({ alg: ['ES256'] })],
  ['alg none', 'unsupported_algorithm alg', header({ alg: 'none' })],
  ['alg HS256', 'unsupported_algorithm alg', header({ alg: 'HS256' })],
  ['alg ES256K', 'unsupported_algorithm alg', header({ alg: 'ES256K' })],
  ['alg in lower case', 'unsupported_algorithm alg', header({ alg: 'es256' })],
  [
    'the name of an inherited member as alg',
    'unsupported_algorithm alg',
    header({ alg: 'toString' }),
  ],
  ['an alg for another curve', 'invalid_dpop_proof alg', header({ alg: 'ES384' })],
  ['an alg for another kind of key', 'invalid_dpop_proof alg', header({ alg: 'RS256' })],
  [
    'an RSA key under ES256',
    'invalid_dpop_proof alg',
    made({ key: rsa, header: { alg: 'ES256' } }),
  ],
  [
    'an Ed25519 key under ES256',
    'invalid_dpop_proof alg',
    made({ key: edwards, header: { alg: 'ES256' } }),
  ],
  ['a crit', 'invalid_dpop_proof crit', header({ crit: ['exp'] })],
  ['an empty crit', 'invalid_dpop_proof crit', header({ crit: [] })],
  ['an unencoded payload', 'invalid_dpop_proof b64', header({ b64: false })],
  ['a compressed payload', 'invalid_dpop_proof zip', header({ zip: 'DEF' })],
  ['an encryption', 'invalid_dpop_proof enc', header({ enc: 'A256GCM' })],
  ['a jku', 'invalid_dpop_proof jku', header({ jku: 'https://attacker.example.com/jwks' })],
  ['an x5u', 'invalid_dpop_proof x5u', header({ x5u: 'https://attacker.example.com/x' })],
  ['an x5c', 'invalid_dpop_proof x5c', header({ x5c: ['MII='] })],

  // The key: criterion 7, RFC 7517, RFC 7518 §6.
  ['no jwk', 'invalid_dpop_proof jwk', header({ jwk: undefined })],
  ['a jwk that is null', 'invalid_dpop_proof jwk', header({ jwk: null })],
  ['a jwk that is text', 'invalid_dpop_proof jwk', header({ jwk: JSON.stringify(key.jwk) })],
  ['a list of keys', 'invalid_dpop_proof jwk', header({ jwk: [key.jwk] })],
  ['a set of keys', 'invalid_dpop_proof jwk', header({ jwk: { keys: [key.jwk] } })],
  ['a key without kty', 'invalid_dpop_proof jwk', jwk({ kty: undefined })],
  ['a key of unknown kty', 'invalid_dpop_proof jwk', jwk({ kty: 'AKP' })],
  ['a shared secret', 'invalid_dpop_proof jwk', header({ jwk: { kty: 'oct', k: 'c2VjcmV0' } })],
  ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map(
    (name): Case => [
      `the private member ${name}`,
      'invalid_dpop_proof jwk',
      jwk({ [name]: 'AQAB' }),
    ],
  ),
  [
    'a whole private key',
    'invalid_dpop_proof jwk',
    header({ jwk: key.privateKey.export({ format: 'jwk' }) }),
  ],
  ['certificates in the key', 'invalid_dpop_proof jwk', jwk({ x5c: ['MII='] })],
  ['a certificate URL in the key', 'invalid_dpop_proof jwk', jwk({ x5u: 'https://example.com' })],
  ['a key for encryption', 'invalid_dpop_proof jwk', jwk({ use: 'enc' })],
  ['a key that may only sign', 'invalid_dpop_proof jwk', jwk({ key_ops: ['sign'] })],
  ['a key for another algorithm', 'invalid_dpop_proof jwk', jwk({ alg: 'ES384' })],
  [
    'an EC key that is an RSA key as well',
    'invalid_dpop_proof jwk',
    jwk({ n: rsa.jwk.n, e: 'AQAB' }),
  ],
  ['an RSA key with a curve', 'invalid_dpop_proof jwk', bound(rsa, { crv: 'P-256' })],
  ['an Ed25519 key with a y', 'invalid_dpop_proof jwk', bound(edwards, { y: key.jwk.y })],
  ['an unsupported curve', 'invalid_dpop_proof jwk', bound(key, { crv: 'secp256k1' })],
  [
    'the name of an inherited member as curve',
    'invalid_dpop_proof jwk',
    bound(key, { crv: 'toString' }),
  ],
  [
    'an unsupported curve and no point',
    'invalid_dpop_proof jwk',
    header({ jwk: { kty: 'EC', crv: 'P-192' } }),
  ],
  ['a point of another curve', 'invalid_dpop_proof jwk', bound(p384, { crv: 'P-256' })],
  ['an EC key without y', 'invalid_dpop_proof jwk', bound(key, { y: undefined })],
  ['an empty coordinate', 'invalid_dpop_proof jwk', bound(key, { x: '' })],
  ['a coordinate that is a number', 'invalid_dpop_proof jwk', jwk({ x: 1 })],
  [
    'a coordinate with a leading zero too many',
    'invalid_dpop_proof jwk',
    bound(key, {
      x: Buffer.concat([Buffer.of(0), Buffer.from(key.jwk.x ?? '', 'base64url')]).toString(
        'base64url',
      ),
    }),
  ],
  [
    'a y with a leading zero too many',
    'invalid_dpop_proof jwk',
    bound(key, {
      y: Buffer.concat([Buffer.of(0), Buffer.from(key.jwk.y ?? '', 'base64url')]).toString(
        'base64url',
      ),
    }),
  ],
  ['a padded coordinate', 'invalid_dpop_proof jwk', bound(key, { x: `${key.jwk.x}=` })],
  ['a point off its curve', 'invalid_dpop_proof jwk', bound(key, { x: other.jwk.x })],
  [
    'the point at infinity',
    'invalid_dpop_proof jwk',
    bound(key, { x: 'A'.repeat(43), y: 'A'.repeat(43) }),
  ],
  ['another Edwards curve', 'invalid_dpop_proof jwk', bound(edwards, { crv: 'Ed448' })],
  ['a key for key agreement', 'invalid_dpop_proof jwk', bound(edwards, { crv: 'X25519' })],
  ['an Ed25519 key that is too short', 'invalid_dpop_proof jwk', bound(edwards, { x: 'AQAB' })],
  ...smallPoints.map(
    (point): Case => [
      `an Ed25519 key under which one signature holds for all, ${point}`,
      'invalid_dpop_proof jwk',
      bound(edwards, { x: Buffer.from(point, 'hex').toString('base64url') }),
    ],
  ),
  ['an RSA key of 1024 bits', 'invalid_dpop_proof jwk', bound(rsaOf(1024))],
  ['an RSA key of 2040 bits', 'invalid_dpop_proof jwk', bound(rsaOf(2040))],
  ['an RSA key of more than 8192 bits', 'invalid_dpop_proof jwk', bound(rsa, { n: big(8200) })],
  [
    'an RSA modulus with a leading zero',
    'invalid_dpop_proof jwk',
    bound(rsa, { n: Buffer.alloc(257).fill(0xff, 1).toString('base64url') }),
  ],
  ['an RSA exponent of 1', 'invalid_dpop_proof jwk', bound(rsa, { e: 'AQ' })],
  ['an RSA exponent of 0', 'invalid_dpop_proof jwk', bound(rsa, { e: 'AA' })],
  ['an even RSA exponent', 'invalid_dpop_proof jwk', bound(rsa, { e: 'AQAA' })],
  ['an RSA exponent of 33 bits', 'invalid_dpop_proof jwk', bound(rsa, { e: 'AQAAAAE' })],
  ['an RSA exponent of 64 bits', 'invalid_dpop_proof jwk', bound(rsa, { e: '__________8' })],
  ['an RSA exponent of 32 bits', 'invalid_dpop_proof jwk', bound(rsa, { e: '_____w' })],
  ['an RSA key without exponent', 'invalid_dpop_proof jwk', bound(rsa, { e: undefined })],

  // The binding: criterion 12, RFC 9449 §6.
  ['a key that the token is not bound to', 'cnf_jkt_mismatch', made({ key: other })],
  [
    'a binding that is shorter',
    'cnf_jkt_mismatch',
    asked({ keyThumbprint: key.thumbprint.slice(1) }),
  ],
  [
    'a binding in other case',
    'cnf_jkt_mismatch',
    asked({ keyThumbprint: key.thumbprint.toLowerCase() }),
  ],
  ['an empty binding', 'cnf_jkt_mismatch', asked({ keyThumbprint: '' })],
  ['a token that is bound to no key', 'token_not_bound', asked({ keyThumbprint: undefined })],
  [
    'a token that is bound to no key, and no proof',
    'token_not_bound',
    () => [[], { keyThumbprint: undefined }],
  ],
  ['no ath', 'ath_mismatch', claims({ ath: undefined })],
  ['the ath of another token', 'ath_mismatch', made({ token: 'another.token.here' })],
  ['an ath that is empty', 'ath_mismatch', claims({ ath: '' })],
  ['a padded ath', 'ath_mismatch', claims({ ath: `${hash('sha256', token, 'base64url')}=` })],
  ['an ath in hexadecimal', 'ath_mismatch', claims({ ath: hash('sha256', token, 'hex') })],
  ['the token itself as ath', 'ath_mismatch', claims({ ath: token })],
  ['an ath that is no text', 'invalid_dpop_proof ath', claims({ ath: null })],

  // The request: criteria 8 and 9.
  ['no htm', 'invalid_dpop_proof htm', claims({ htm: undefined })],
  ['an empty htm', 'invalid_dpop_proof htm', claims({ htm: '' })],
  ['an htm that is a list', 'invalid_dpop_proof htm', claims({ htm: ['GET'] })],
  ['another method', 'htm_mismatch', made({ method: 'POST' })],
  ['the method in lower case', 'htm_mismatch', made({ method: 'get' })],
  ['a method that was asked in lower case', 'htm_mismatch', toward({ method: 'get' })],
  ['a method with a blank', 'htm_mismatch', made({ method: 'GET ' })],
  ['no htu', 'invalid_dpop_proof htu', claims({ htu: undefined })],
  ['an empty htu', 'invalid_dpop_proof htu', claims({ htu: '' })],
  ['an htu that is a list', 'invalid_dpop_proof htu', claims({ htu: [url] })],
  ['a relative htu', 'invalid_dpop_proof htu', made({ url: '/orders' })],
  ['an htu without scheme', 'invalid_dpop_proof htu', made({ url: '//api.example.com/orders' })],
  [
    'an htu of another scheme',
    'invalid_dpop_proof htu',
    made({ url: 'ftp://api.example.com/orders' }),
  ],
  [
    'an htu with user information',
    'invalid_dpop_proof htu',
    made({ url: 'https://u:p@api.example.com/orders' }),
  ],
  [
    'an htu with a backslash',
    'invalid_dpop_proof htu',
    made({ url: 'https://api.example.com\\orders' }),
  ],
  [
    'an htu with a tab',
    'invalid_dpop_proof htu',
    made({ url: 'https://api.example.com/ord\ters' }),
  ],
  ['an htu with a blank before it', 'invalid_dpop_proof htu', made({ url: ` ${url}` })],
  ['a far longer path', 'htu_mismatch', made({ url: `${url}/${'a'.repeat(4_000)}` })],
  ['another path', 'htu_mismatch', made({ url: 'https://api.example.com/order' })],
  ['a path in other case', 'htu_mismatch', made({ url: 'https://api.example.com/Orders' })],
  ['a path with a slash more', 'htu_mismatch', made({ url: `${url}/` })],
  ['another host', 'htu_mismatch', made({ url: 'https://api.example.org/orders' })],
  ['a host with a dot more', 'htu_mismatch', made({ url: 'https://api.example.com./orders' })],
  ['another port', 'htu_mismatch', made({ url: 'https://api.example.com:8443/orders' })],
  [
    'the port of the other scheme',
    'htu_mismatch',
    made({ url: 'https://api.example.com:80/orders' }),
  ],
  ['http for https', 'htu_mismatch', made({ url: 'http://api.example.com/orders' })],
  ['a request with a broken path', 'htu_mismatch', toward({ path: '/orders%zz' })],
  ['a request for everything', 'htu_mismatch', toward({ method: 'GET', path: '*' })],
  [
    'a host that hides the path',
    'htu_mismatch',
    toward({ host: 'api.example.com/orders?', path: '/admin' }),
  ],
  [
    'a host with user information',
    'htu_mismatch',
    toward({ host: 'api.example.com@attacker.example.com' }),
  ],
  ['a method that nobody told', 'request_not_described method', toward({ method: undefined })],
  ['a scheme that nobody told', 'request_not_described scheme', toward({ scheme: undefined })],
  ['a host that nobody told', 'request_not_described host', toward({ host: undefined })],
  ['a path that nobody told', 'request_not_described path', toward({ path: undefined })],

  // Times: criterion 11.
  ['no iat', 'invalid_dpop_proof iat', claims({ iat: undefined })],
  ['an iat that is text', 'invalid_dpop_proof iat', claims({ iat: String(seconds) })],
  ['an iat that is null', 'invalid_dpop_proof iat', claims({ iat: null })],
  [
    'an iat that is infinite',
    'invalid_dpop_proof iat',
    text(
      `{"jti":"a","htm":"GET","htu":"${url}","iat":1e400,"ath":"${hash('sha256', token, 'base64url')}"}`,
    ),
  ],
  ['an iat more than a minute ago', 'iat_outside_window iat', claims({ iat: seconds - 60.001 })],
  [
    'an iat more than five seconds ahead',
    'iat_outside_window iat',
    claims({ iat: seconds + 5.001 }),
  ],
  ['an iat in milliseconds', 'iat_outside_window iat', claims({ iat: start })],
  ['an iat below zero', 'iat_outside_window iat', claims({ iat: -1 })],
  ['an exp that has passed', 'iat_outside_window exp', claims({ exp: seconds - 5 })],
  ['an exp that is text', 'invalid_dpop_proof exp', claims({ exp: 'never' })],
  ['an nbf to come', 'iat_outside_window nbf', claims({ nbf: seconds + 5.001 })],
  ['an nbf that is null', 'invalid_dpop_proof nbf', claims({ nbf: null })],

  // The rest of the claims: criterion 3.
  ['no jti', 'invalid_dpop_proof jti', claims({ jti: undefined })],
  ['an empty jti', 'invalid_dpop_proof jti', claims({ jti: '' })],
  ['a jti that is a number', 'invalid_dpop_proof jti', claims({ jti: 7 })],
  ['a jti of 513 characters', 'invalid_dpop_proof jti', claims({ jti: 'j'.repeat(513) })],
  ['a jti with a line feed', 'invalid_dpop_proof jti', claims({ jti: 'a\nb' })],
  ['a jti with NUL', 'invalid_dpop_proof jti', claims({ jti: 'a\0' })],
  ['a jti with a C1 control', 'invalid_dpop_proof jti', claims({ jti: 'a\u0085' })],
  ['a jti with half a character', 'invalid_dpop_proof jti', claims({ jti: 'a\ud83d' })],
  ['a bh that is too short', 'invalid_dpop_proof bh', claims({ bh: 'A'.repeat(42) })],
  ['a padded bh', 'invalid_dpop_proof bh', claims({ bh: `${'A'.repeat(43)}=` })],
  ['a bh in plain base64', 'invalid_dpop_proof bh', claims({ bh: `${'A'.repeat(41)}+A` })],
  ['a bh with unused bits', 'invalid_dpop_proof bh', claims({ bh: `${'A'.repeat(42)}B` })],
  ['a bh that is null', 'invalid_dpop_proof bh', claims({ bh: null })],
  ['claims that are no JSON', 'invalid_dpop_proof', text('jti')],
  ['claims that are text', 'invalid_dpop_proof', text('"jti"')],
  ['claims with a member twice', 'invalid_dpop_proof', text('{"jti":"a","jti":"b"}')],
  ['claims with a prototype', 'invalid_dpop_proof', text('{"__proto__":{"jti":"a"}}')],
  ['claims behind a byte order mark', 'invalid_dpop_proof', text('\ufeff{}')],

  // The signature: criterion 6.
  ['a changed signature', 'invalid_signature', part(2, flipped)],
  ['a signature that is cut', 'invalid_signature', part(2, (one) => one.slice(0, 80))],
  ['a signature of zeros', 'invalid_signature', part(2, () => 'A'.repeat(86))],
  [
    'a signature in DER',
    'invalid_signature',
    ({ make }) => {
      const input = make().split('.').slice(0, 2).join('.')
      const der = sign('sha256', Buffer.from(input), key.privateKey)
      return `${input}.${der.toString('base64url')}`
    },
  ],
  [
    'the signature of another key',
    'invalid_signature',
    ({ make }) => make({ key: other, header: { jwk: key.jwk } }),
  ],
  [
    'the signature of another proof',
    'invalid_signature',
    ({ make }) => `${make().split('.').slice(0, 2).join('.')}.${make().split('.')[2]}`,
  ],
  [
    'an even RSA modulus',
    'invalid_signature',
    bound(rsa, { n: Buffer.alloc(256, 0xfe).toString('base64url') }),
  ],
  [
    'an RSA-PSS signature with a salt of another length',
    'invalid_signature',
    ({ make }) => {
      const input = make({ key: pss }).split('.').slice(0, 2).join('.')
      const salted = sign('sha256', Buffer.from(input), {
        key: pss.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: 20,
      })
      return [`${input}.${salted.toString('base64url')}`, { keyThumbprint: pss.thumbprint }]
    },
  ],
  [
    'an RSA signature of the other padding',
    'invalid_signature',
    ({ make }) => [make({ key: rsa, header: { alg: 'PS256' } }), { keyThumbprint: rsa.thumbprint }],
  ],
]

/** What goes on the wire for each reason (RFC 9449 §7.1). */
const codes: Readonly<Record<string, string>> = {
  proof_missing: 'invalid_token',
  token_not_bound: 'invalid_token',
  request_not_described: 'access_denied',
}

function isPair(
  spoilt: Fields | readonly [Fields, Partial<ProofContext>],
): spoilt is readonly [Fields, Partial<ProofContext>] {
  return Array.isArray(spoilt) && typeof spoilt[1] === 'object'
}

describe('a proof is refused', () => {
  it.each(cases)('with %s: %s', (_, says, spoil) => {
    const asking = createAsking()
    const spoilt = spoil(asking)
    const [fields, changed] = isPair(spoilt) ? spoilt : [spoilt, {}]
    const checked = asking.check(fields, changed)
    expect(gistOf(checked)).toBe(says)
    const [reason = ''] = says.split(' ')
    expect(checked).toMatchObject({
      outcome: 'deny',
      status: reason === 'request_not_described' ? 403 : 401,
      code: codes[reason] ?? 'invalid_dpop_proof',
      dpop: true,
    })
    expect(asking.proofs.size()).toBe(0)
    // What was spoilt made the difference, and the refusal used nothing up.
    expect(gistOf(asking.check(asking.make()))).toBe('allow')
  })
})

describe('whatever a stranger sends', () => {
  it('is answered, and never taken for a proof', () => {
    const { make, proofs } = createAsking()
    const good = make()
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc
            .record({ at: fc.nat(good.length - 1), with: fc.string({ maxLength: 3 }) })
            .map(({ at, with: inserted }) => good.slice(0, at) + inserted + good.slice(at + 1)),
          fc.tuple(fc.json(), fc.json()).map(([head, body]) => sealProof(head, body, key)),
        ),
        (field) => {
          fc.pre(field !== good)
          return 'outcome' in proofs.check(carrying(field))
        },
      ),
      { numRuns: 1_000 },
    )
    expect(proofs.size()).toBe(0)
    expect(gistOf(proofs.check(carrying(good)))).toBe('allow')
  })

  it('is refused where a claim is of another JSON type', () => {
    const { make, check } = createAsking()
    const types = {
      ...{ jti: 'string', htm: 'string', htu: 'string', ath: 'string', bh: 'string' },
      ...{ iat: 'number', exp: 'number', nbf: 'number' },
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.entries(types)),
        fc.jsonValue(),
        ([name, type], value) => {
          fc.pre(typeof value !== type)
          // A `__proto__` inside spoils the claims as a whole.
          expect(gistOf(check(make({ claims: { [name]: value } })))).toMatch(
            new RegExp(`^invalid_dpop_proof( ${name})?$`),
          )
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
