import { describe, expect, test } from 'vitest'
import { maxTokenLength, parseBearer, readAuthorization } from '../../src/token/bearer.ts'
import type { Deny } from '../../src/verdict.ts'

function readBearer(rawHeaders: readonly string[]): string | Deny {
  const value = readAuthorization(rawHeaders)
  return typeof value === 'string' ? parseBearer(value) : value
}

const read = (...values: string[]): string => {
  const result = readBearer(values.flatMap((value) => ['Authorization', value]))
  return typeof result === 'string' ? `token ${result}` : `${result.code} ${result.reason}`
}

const malformed = 'invalid_request malformed_authorization'

describe('the Authorization header', () => {
  test.each([
    ['is absent', [], 'missing_token missing_token'],
    ['is empty', [''], malformed],
    ['is blank', ['  '], malformed],
    ['is Basic', ['Basic dXNlcjpwYXNz'], malformed],
    ['is an unknown scheme', ['Negotiate a.b.c'], malformed],
    ['is DPoP', ['DPoP a.b.c'], malformed],
    ['is a scheme that begins like Bearer', ['Bearerx a.b.c'], malformed],
    ['is the scheme alone', ['Bearer'], malformed],
    ['is the scheme and a blank', ['Bearer '], malformed],
    ['is a bare token', ['a.b.c'], malformed],
    ['has a tab for the blank', ['Bearer\ta.b.c'], malformed],
    ['has a no-break space for the blank', ['Bearer\u00a0a.b.c'], malformed],
    ['has a line end', ['Bearer a.b.c\r\nX: y'], malformed],
    ['has a trailing line feed', ['Bearer a.b.c\n'], malformed],
    ['has the scheme twice', ['Bearer Bearer a.b.c'], malformed],
    ['has a quoted token', ['Bearer "a.b.c"'], malformed],
    ['has a trailing word', ['Bearer a.b.c d'], malformed],
    ['is a comma list', ['Bearer a.b.c, Bearer d.e.f'], malformed],
    ['is a comma list without blanks', ['Bearer a.b.c,d.e.f'], malformed],
    ['has a parameter', ['Bearer token=a.b.c;x'], malformed],
    ['has high bytes', ['Bearer a.\u00e9.c'], malformed],
    ['has a NUL', ['Bearer a.b.c\0'], malformed],
    ['is in another case', ['bEARER a.b.c'], 'token a.b.c'],
    ['has several blanks', ['Bearer    a.b.c'], 'token a.b.c'],
    ['has trailing blanks', ['Bearer a.b.c \t '], 'token a.b.c'],
    ['comes twice', ['Bearer a.b.c', 'Bearer d.e.f'], 'invalid_request several_authorizations'],
    [
      'comes twice, equal',
      ['Bearer a.b.c', 'Bearer a.b.c'],
      'invalid_request several_authorizations',
    ],
    ['comes twice, one empty', ['', 'Bearer a.b.c'], 'invalid_request several_authorizations'],
  ])('%s', (_title, values, expected) => {
    expect(read(...values)).toBe(expected)
  })

  test('is found in any case and among others, and only under its own name', () => {
    expect(readBearer(['Host', 'x', 'aUTHORIZATION', 'Bearer a.b.c'])).toBe('a.b.c')
    for (const name of [
      'Proxy-Authorization',
      'X-Authorization',
      'Authorizatio_',
      'Authorization ',
    ]) {
      expect(readBearer([name, 'Bearer a.b.c'])).toMatchObject({ reason: 'missing_token' })
    }
  })

  test('counts twice whatever the case of its name', () => {
    const both = ['Authorization', 'Bearer a.b.c', 'AUTHORIZATION', 'Bearer a.b.c']
    expect(readBearer(both)).toMatchObject({ reason: 'several_authorizations' })
  })

  test('is never a value that names it', () => {
    expect(readBearer(['X', 'Authorization', 'Y', 'Bearer a.b.c'])).toMatchObject({
      reason: 'missing_token',
    })
  })

  test('is not believed to be the only one among more headers than Node keeps', () => {
    const filler = (count: number): string[] => Array<string[]>(count).fill(['a', 'b']).flat()
    const good = ['Authorization', 'Bearer a.b.c']
    expect(readBearer([...filler(999), ...good])).toBe('a.b.c')
    expect(readBearer([...filler(1_000), ...good])).toMatchObject({ code: 'invalid_request' })
  })

  test('holds 16 KiB of token and no more', () => {
    const longest = 'a'.repeat(maxTokenLength)
    expect(read(`Bearer ${longest}`)).toBe(`token ${longest}`)
    for (const extra of [1, 64, 10_000]) {
      expect(read(`Bearer ${longest}${'a'.repeat(extra)}`)).toBe('invalid_token token_too_long')
    }
    expect(read(`Basic ${longest}${longest}`)).toBe(malformed)
  })

  test('costs no more than a look where an attacker pads it', () => {
    const started = performance.now()
    for (const padding of [' ', '\t', '=', 'a=', 'a ']) {
      for (let i = 0; i < 20; i++) read(`Bearer a${padding.repeat(30_000)}\u0001`)
      for (let i = 0; i < 20; i++) read(`Bearer a${padding.repeat(8_000)}\u0001`)
    }
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})
