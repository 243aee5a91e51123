import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { proofAlgorithms, signatureHolds } from '../../src/dpop/algorithms.ts'
import { bodyHashMatches } from '../../src/dpop/body-hash.ts'
import { readProofHeader } from '../../src/dpop/jose-header.ts'
import { createKeyImport } from '../../src/dpop/keys.ts'
import { createProofs } from '../../src/dpop/proofs.ts'
import { splitCompact } from '../../src/token/compact.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { makeProofKey } from '../helpers/proofs.ts'
import { createAsking, digestOf, gistOf, key, target, url } from './asking.ts'

describe('a proof that meets every criterion', () => {
  it.each(proofAlgorithms)('holds when it is signed by %s', (alg) => {
    const { make, check } = createAsking()
    const own = makeProofKey(alg)
    expect(gistOf(check(make({ key: own }), { keyThumbprint: own.thumbprint }))).toBe('allow')
  })

  it('holds under the header name in any case', () => {
    const { make, proofs } = createAsking()
    for (const name of ['DPoP', 'dpop', 'DPOP']) {
      const context = {
        request: {},
        rawHeaders: ['Accept', '*/*', name, make(), 'Dpop-Nonce', 'x'],
        target,
        tokenDigest: digestOf('header.payload.signature'),
        keyThumbprint: key.thumbprint,
      }
      expect(gistOf(proofs.check(context))).toBe('allow')
    }
  })

  it('holds for a digest with every character that base64url spells in another way', () => {
    const { make, check } = createAsking()
    // SHA-256 of it has both `+` and `/` in base64.
    const other = Array.from({ length: 99 }, (_, i) => `token-${i}`).find((text) =>
      /\+.*\/|\/.*\+/.test(digestOf(text)),
    )
    expect(other).toBeDefined()
    const checked = check(make({ token: String(other) }), { tokenDigest: digestOf(String(other)) })
    expect(gistOf(checked)).toBe('allow')
  })

  it('may say more than is read', () => {
    const { make, check } = createAsking()
    const header = {
      kid: 'mine',
      jwk: { ...key.jwk, kid: 'mine', use: 'sig', key_ops: ['verify'], alg: 'ES256', ext: true },
    }
    const claims = { nonce: 'of another server', iss: 'client', deep: { a: [1] } }
    expect(gistOf(check(make({ header, claims })))).toBe('allow')
  })

  it('may be a minute old, or five seconds ahead, and its iat may have a fraction', () => {
    const { make, check, clock } = createAsking()
    const now = clock.now() / 1000
    for (const iat of [now - 60, now + 5, now - 0.25]) {
      expect(gistOf(check(make({ claims: { iat } })))).toBe('allow')
    }
  })

  it('may say itself from when to when it is good', () => {
    const { make, check, clock } = createAsking()
    const now = clock.now() / 1000
    expect(gistOf(check(make({ claims: { nbf: now + 5, exp: now - 4 } })))).toBe('allow')
  })

  it.each([
    ['1 character', 'j'],
    ['512 characters', 'j'.repeat(512)],
    ['characters outside ASCII', 'жетон 🔑'],
  ])('may have a jti of %s', (_, jti) => {
    const { make, check } = createAsking()
    expect(gistOf(check(make({ jti })))).toBe('allow')
  })

  it('hands on the hash of the body that it was made for', () => {
    const { make, check } = createAsking()
    const body = Buffer.from('{"amount":100}')
    const checked = check(make({ body }))
    if ('outcome' in checked || checked.bodyHash === undefined) throw new Error('no body hash')
    expect(bodyHashMatches(checked.bodyHash, body)).toBe(true)
    expect(bodyHashMatches(checked.bodyHash, Buffer.from('{"amount":101}'))).toBe(false)
    expect(check(make())).toEqual({ bodyHash: undefined })
  })

  it('hands on the hash of no body at all', () => {
    const { make, check } = createAsking()
    const checked = check(make({ body: '' }))
    expect(
      bodyHashMatches('bodyHash' in checked ? String(checked.bodyHash) : '', Buffer.of()),
    ).toBe(true)
  })
})

describe('a public URL', () => {
  const asked = (publicUrl: string, htu: string, changed: Partial<typeof target> = {}): string => {
    const { make, check } = createAsking({ publicUrl })
    return gistOf(check(make({ url: htu }), { target: { ...target, ...changed } }))
  }

  it('stands in for the scheme and host that the proxy tells, or does not', () => {
    expect(asked('https://public.example.com', 'https://public.example.com/orders')).toBe('allow')
    expect(asked('https://public.example.com', url)).toBe('htu_mismatch')
    const untold = { scheme: undefined, host: undefined }
    expect(asked('https://public.example.com/', 'https://public.example.com/orders', untold)).toBe(
      'allow',
    )
  })

  it('puts back the prefix that the proxy strips', () => {
    for (const base of ['https://public.example.com/api', 'https://PUBLIC.example.com:443/api/']) {
      expect(asked(base, 'https://public.example.com/api/orders')).toBe('allow')
      expect(asked(base, 'https://public.example.com/orders')).toBe('htu_mismatch')
    }
  })

  it('keeps dot segments of the request within its prefix', () => {
    const climbing = { path: '/%2e%2E/orders' }
    const base = 'https://public.example.com/api'
    expect(asked(base, 'https://public.example.com/orders', climbing)).toBe('htu_mismatch')
    expect(asked(base, 'https://public.example.com/api/orders', climbing)).toBe('allow')
  })

  it.each([
    'ftp://public.example.com',
    '/api',
    'https://user@public.example.com',
    'https://public.example.com/?a',
    'https://public.example.com/#a',
    'https://',
    '',
  ])('is refused at the start when it is %j', (publicUrl) => {
    const clock = createFakeClock()
    expect(() => createProofs({ clock, now: clock.now, publicUrl })).toThrow('"publicUrl" option')
  })
})

/** RFC 9449 §4.1 and §7.1: the proofs of its figures, unfolded. */
const rfc = {
  header:
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19',
  tokenRequest:
    'eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg',
  resourceRequest:
    'eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA',
  token: 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
  thumbprint: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
}

/** The thumbprint of a proof's key, where the signature holds under it. */
function signerOf(text: string): string | undefined {
  const parts = splitCompact(text)
  const header = parts === undefined ? undefined : readProofHeader(parts.header)
  if (parts === undefined || header === undefined || 'outcome' in header) return undefined
  const imported = createKeyImport()(header.key)
  if (imported === undefined || !signatureHolds(parts, header.alg, imported)) return undefined
  return header.key.thumbprint
}

describe('the examples of RFC 9449', () => {
  function ask(at: number, proof: string): string {
    const clock = createFakeClock(at * 1000 - 120_000)
    const proofs = createProofs({ clock, now: clock.now })
    clock.advance(120_000)
    const checked = proofs.check({
      request: {},
      rawHeaders: ['Authorization', `DPoP ${rfc.token}`, 'DPoP', `${rfc.header}.${proof}`],
      target: {
        method: 'GET',
        scheme: 'https',
        host: 'resource.example.org',
        path: '/protectedresource',
        preflightFor: undefined,
      },
      tokenDigest: digestOf(rfc.token),
      keyThumbprint: rfc.thumbprint,
    })
    return gistOf(checked)
  }

  it('hold at their time, at their resource (§7.1)', () => {
    expect(ask(1_562_262_618, rfc.resourceRequest)).toBe('allow')
    expect(ask(1_562_262_618 + 61, rfc.resourceRequest)).toBe('iat_outside_window iat')
  })

  it('are no proofs for a resource when they were made for the token endpoint (§4.1)', () => {
    expect(signerOf(`${rfc.header}.${rfc.tokenRequest}`)).toBe(rfc.thumbprint)
    expect(ask(1_562_262_616, rfc.tokenRequest)).toBe('ath_mismatch')
  })
})

describe('the proof that ZeroID took', () => {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../wire/${name}`, import.meta.url), 'utf8'))
  const name = 'token: DPoP-bound'

  it('is signed by the key that it bound the token to', () => {
    const exchanges = read('exchanges.json') as {
      name: string
      request: { headers: Record<string, string> }
    }[]
    const claims = read('claims.json') as Record<string, { claims: { cnf?: { jkt: string } } }>
    const sent = exchanges.find((one) => one.name === name)?.request.headers.DPoP
    expect(signerOf(String(sent))).toBe(String(claims[name]?.claims.cnf?.jkt))
  })
})
