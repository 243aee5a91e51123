import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeOrigin, normalizePath, normalizeUrl, parseBaseUrl } from '../../src/dpop/htu.ts'

describe('URLs that RFC 3986 calls the same', () => {
  it.each([
    ['HTTPS://API.Example.COM/a', 'https://api.example.com/a'],
    ['https://api.example.com:443/a', 'https://api.example.com/a'],
    ['https://api.example.com:/a', 'https://api.example.com/a'],
    ['http://api.example.com:80/a', 'http://api.example.com/a'],
    ['https://api.example.com', 'https://api.example.com/'],
    ['https://api.example.com?a=b', 'https://api.example.com/'],
    ['https://api.example.com#a', 'https://api.example.com/'],
    ['https://api.example.com/a?b=/../c', 'https://api.example.com/a'],
    ['https://api.example.com/a#b?c', 'https://api.example.com/a'],
    ['https://api.example.com/%61%7E%2d%5f%2E', 'https://api.example.com/a~-_.'],
    ['https://api.example.com/%c3%a9', 'https://api.example.com/%C3%A9'],
    ['https://api.example.com/a/./b/../c', 'https://api.example.com/a/c'],
    ['https://api.example.com/a/%2E%2e/c', 'https://api.example.com/c'],
    ['https://[2001:DB8::1]/a', 'https://[2001:db8::1]/a'],
    ['https://[::1]:443/a', 'https://[::1]/a'],
    ['http://[::1]:8080/a', 'http://[::1]:8080/a'],
    ['http://127.0.0.1:8080/a', 'http://127.0.0.1:8080/a'],
  ])('%s is %s', (url, normal) => {
    expect(normalizeUrl(url)).toBe(normal)
    expect(normalizeUrl(normal)).toBe(normal)
  })
})

describe('URLs that RFC 3986 keeps apart', () => {
  it.each([
    ['https://api.example.com/a', 'https://api.example.com/A'],
    ['https://api.example.com/a', 'https://api.example.com/a/'],
    ['https://api.example.com/a', 'https://api.example.com//a'],
    ['https://api.example.com/a/b', 'https://api.example.com/a//b'],
    ['https://api.example.com/a/b', 'https://api.example.com/a%2Fb'],
    ['https://api.example.com/a%2Fb', 'https://api.example.com/a%252Fb'],
    ['https://api.example.com/%2e', 'https://api.example.com/%252e'],
    ['https://api.example.com/a;b', 'https://api.example.com/a%3Bb'],
    ['https://api.example.com/a|b', 'https://api.example.com/a%7Cb'],
    ['https://api.example.com/a', 'https://api.example.com/a.'],
    ['https://api.example.com/...', 'https://api.example.com/'],
    ['https://api.example.com/a', 'https://api.example.com./a'],
    ['https://api.example.com/a', 'http://api.example.com/a'],
    ['https://api.example.com/a', 'https://api.example.com:80/a'],
    ['http://api.example.com/a', 'http://api.example.com:443/a'],
    ['https://api.example.com:8443/a', 'https://api.example.com:08443/a'],
    ['http://[::1]/a', 'http://[0:0:0:0:0:0:0:1]/a'],
    ['http://127.0.0.1/a', 'http://127.1/a'],
    ['http://127.0.0.1/a', 'http://2130706433/a'],
    ['https://xn--bcher-kva.example/a', 'https://bcher.example/a'],
  ])('%s and %s', (one, other) => {
    expect(normalizeUrl(one)).toBeDefined()
    expect(normalizeUrl(other)).toBeDefined()
    expect(normalizeUrl(one)).not.toBe(normalizeUrl(other))
  })
})

describe('what is no URL here', () => {
  it.each([
    '',
    '/a',
    'a',
    '//api.example.com/a',
    'https:/api.example.com/a',
    'https:api.example.com/a',
    'https:///a',
    'https://:443/a',
    'ws://api.example.com/a',
    'file:///etc/passwd',
    'urn:a',
    'https://user@api.example.com/a',
    'https://user:secret@api.example.com/a',
    'https://@api.example.com/a',
    'https://api.example.com\\a',
    'https:\\\\api.example.com/a',
    'https://api.example.com/a\\b',
    'https://api.example.com/a b',
    'https://api.example.com/a\tb',
    'https://api.example.com/a\n',
    '\thttps://api.example.com/a',
    ' https://api.example.com/a',
    'https://api.example.com/é',
    'https://bücher.example/a',
    'https://api.example.com/a?\u0130',
    // Its first letter is the Kelvin sign: an ASCII one in lower case.
    'https://\u212aey.example/a',
    'https://api.%65xample.com/a',
    'https://api.example.com/%',
    'https://api.example.com/%4',
    'https://api.example.com/%zz',
    'https://api.example.com:a/a',
    'https://api.example.com:443:443/a',
    'https://api.example.com:123456/a',
    'https://api.example.com:-1/a',
    'https://::1/a',
    'https://[::1/a',
    'https://[::1]a/a',
    'https://[]/a',
    'https://[1:2]/a',
    'https://[fe80::1%25eth0]/a',
    'https://[v1.a]/a',
    'https://[::1]@api.example.com/a',
    `https://api.example.com/${'a'.repeat(8_192)}`,
    `https://${'a'.repeat(265)}/a`,
  ])('%j', (url) => {
    expect(normalizeUrl(url)).toBeUndefined()
  })

  it.each(['*', 'a', '/a?b', '/a#b', '?a', 'http://api.example.com/a', '/a\u0000', '/\u212a'])(
    'and no path: %j',
    (path) => {
      expect(normalizePath(path)).toBeUndefined()
    },
  )

  it.each(['', 'a/b', 'a?b', 'a#b', 'a@b', 'a b', 'a\\b', '\u212a', '[::1]]', 'a:b'])(
    'and no host: %j',
    (host) => {
      expect(normalizeOrigin('https', host)).toBeUndefined()
    },
  )
})

/** RFC 3986 §5.2.4 as it is written, one step after the other. */
function removeDotSegmentsByTheBook(path: string): string {
  let input = path
  let output = ''
  while (input !== '') {
    if (input.startsWith('../')) input = input.slice(3)
    else if (input.startsWith('./')) input = input.slice(2)
    else if (input.startsWith('/./')) input = input.slice(2)
    else if (input === '/.') input = '/'
    else if (input.startsWith('/../') || input === '/..') {
      input = `/${input.slice(4)}`
      output = output.slice(0, Math.max(0, output.lastIndexOf('/')))
    } else if (input === '.' || input === '..') input = ''
    else {
      const end = input.indexOf('/', 1)
      const segment = end === -1 ? input : input.slice(0, end)
      output += segment
      input = input.slice(segment.length)
    }
  }
  return output
}

describe('dot segments', () => {
  it('are removed as RFC 3986 §5.2.4 is written', () => {
    const segment = fc.constantFrom('', '.', '..', '...', 'a', 'b.', '.c')
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const path = `/${segments.join('/')}`
        expect(normalizePath(path)).toBe(removeDotSegmentsByTheBook(path))
      }),
      { numRuns: 2_000 },
    )
  })

  it('take no longer for many of them', () => {
    expect(normalizePath('/..'.repeat(2_700))).toBe('/')
  })
})

describe('a normalised path', () => {
  it('is normal already', () => {
    const piece = fc.constantFrom('/', '.', '%2e', '%2F', '%25', '%', '2e', 'a', '%7e', '%7B', '~')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const normal = normalizePath(`/${pieces.join('')}`)
        // `%25` before `2e` stays what it is: nothing is decoded twice.
        if (normal !== undefined) expect(normalizePath(normal)).toBe(normal)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a base URL', () => {
  it.each([
    ['https://api.example.com', 'https://api.example.com', ''],
    ['HTTPS://API.example.com:443/', 'https://api.example.com', ''],
    ['http://[::1]:8080/a/b', 'http://[::1]:8080', '/a/b'],
    ['https://api.example.com/a/../b/', 'https://api.example.com', '/b'],
  ])('%s has origin %s and prefix %j', (url, origin, prefix) => {
    expect(parseBaseUrl(url)).toEqual({ origin, prefix })
  })

  it.each([
    'https://api.example.com/?a',
    'https://api.example.com/a#',
    '/a',
    'https://u@a/',
    'ws://a',
  ])('is not %j', (url) => {
    expect(parseBaseUrl(url)).toBeUndefined()
  })
})
