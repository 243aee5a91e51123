import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalisePath } from '../../src/policy/path.ts'

describe('a path', () => {
  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/', '/a/'],
    ['/a?b=/../c', '/a'],
    ['/%61', '/a'],
    ['/caf%C3%A9', '/café'],
    ['/%F0%9F%90%9D', '/🐝'],
    ['/a%20b', '/a b'],
    ['/%22%3C%3E%5E%60%7B%7C%7D', '/"<>^`{|}'],
    ["/-._~!$&'()*+,=:@", "/-._~!$&'()*+,=:@"],
    ['/.hidden/..x/x..', '/.hidden/..x/x..'],
  ])('%s is %s', (raw, path) => {
    expect(normalisePath(raw)).toBe(path)
  })

  test('of 8 KiB is read, a longer one is not', () => {
    expect(normalisePath(`/${'a'.repeat(8_191)}`)).toHaveLength(8_192)
    expect(normalisePath(`/${'a'.repeat(8_192)}`)).toBeUndefined()
    expect(normalisePath(`/${'a'.repeat(8_191)}?query`)).toHaveLength(8_192)
  })

  test('has at most the characters that the standard allows raw', () => {
    const allowed = "abcxyzABCXYZ0129-._~!$&'()*+,=:@/?"
    for (let code = 0; code < 0x180; code += 1) {
      const char = String.fromCharCode(code)
      const isAllowed = allowed.includes(char) || /[a-zA-Z0-9]/.test(char)
      expect(normalisePath(`/a${char}b`) !== undefined, `character ${code}`).toBe(isAllowed)
    }
  })

  test('has no escape of a control, nor of what divides paths', () => {
    for (let code = 0; code < 0x80; code += 1) {
      const escaped = `%${code.toString(16).padStart(2, '0')}`
      const char = String.fromCharCode(code)
      const isRefused = /[\p{Cc}#%/;?\\]/u.test(char)
      expect(normalisePath(`/a${escaped}b`), escaped).toBe(isRefused ? undefined : `/a${char}b`)
      expect(normalisePath(`/a${escaped.toUpperCase()}b`), escaped).toBe(
        isRefused ? undefined : `/a${char}b`,
      )
    }
  })

  test('has no control past ASCII', () => {
    for (let code = 0x80; code < 0xa0; code += 1) {
      expect(normalisePath(`/a%C2%${code.toString(16)}b`)).toBeUndefined()
    }
    expect(normalisePath('/a%C2%A1b')).toBe('/a¡b')
  })

  test('is the same again when it is written anew', () => {
    const characters = fc.string({ unit: 'binary', minLength: 1 })
    const property = fc.property(fc.array(characters), (segments) => {
      if (!segments.every((it) => it.isWellFormed())) return
      const path = `/${segments.join('/')}`
      const raw = `/${segments.map(encodeURIComponent).join('/')}`
      expect([undefined, path]).toContain(normalisePath(raw))
    })
    fc.assert(property, { numRuns: 2_000 })
  })

  test('that is read has no dot segment, no empty one and no control', () => {
    const parts = fc.constantFrom('/', '.', '%2e', '%2E', 'a', '%20', '%00', '%2f', '%5c', ';', '%')
    const property = fc.property(fc.array(parts, { maxLength: 8 }), (pieces) => {
      const path = normalisePath(`/${pieces.join('')}`)
      if (path === undefined) return
      expect(path).toMatch(/^\//)
      expect(path).not.toMatch(/\/\/|\/\.{1,2}(?:\/|$)|[\p{Cc}\\;%?#]/u)
    })
    fc.assert(property, { numRuns: 5_000 })
  })

  test('of the worst kind is refused as fast as a good one is read', () => {
    // Each of these would take minutes where a pattern tries every way to split it.
    for (const bad of ['.', '%2e', '. ', '%20', 'a.', '/.', '%', '%E2%80', 'a%']) {
      const raw = `/${bad.repeat(8_000 / bad.length)}\u0001`
      expect(normalisePath(raw)).toBeUndefined()
    }
  })
})
