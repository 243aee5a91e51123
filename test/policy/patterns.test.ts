import { describe, expect, test } from 'vitest'
import { createHostReader, hostPattern, hostProblem, readHost } from '../../src/policy/host.ts'
import { pathPattern, pathProblem } from '../../src/policy/pattern.ts'
import { foldPath, readingsOf } from '../../src/policy/readings.ts'
import { subjectPattern, subjectProblem } from '../../src/policy/subject.ts'

describe('a pattern of paths', () => {
  test.each([
    '/',
    '/**',
    '/a',
    '/a/',
    '/a/**',
    '/*',
    '/*/b',
    '/a*b*c/*.json',
    '/my docs/é',
    '/v1:act',
  ])('%s is accepted', (text) => {
    expect(pathProblem(text)).toBeUndefined()
    expect(pathPattern(text).text).toBe(text)
  })

  test.each([
    ['', 'must start with /'],
    ['tools', 'must start with /'],
    ['**', 'must start with /'],
    ['/a%20b', 'must be written decoded, without %'],
    ['/a?b', 'must be a path alone, without query or fragment'],
    ['/a#b', 'must be a path alone, without query or fragment'],
    ['//a', 'is not normal: it has an empty segment'],
    ['/a/../b', 'is not normal: it has a segment of dots or blanks'],
    ['/a/.', 'is not normal: it has a segment of dots or blanks'],
    ['/a/**/b', 'may have ** only as the last segment'],
    ['/**/b', 'may have ** only as the last segment'],
    ['/a**', 'may have ** only as a whole segment'],
    ['/a/***', 'may have ** only as a whole segment'],
    ['/a;b', 'matches no path: it has a character that is refused'],
    ['/a\\b', 'matches no path: it has a character that is refused'],
    ['/a\u0001', 'matches no path: it has a character that is refused'],
    ['/a\ud800', 'matches no path: it has a character that is refused'],
    ['/a／b', 'matches no path: it has a character that is refused'],
    [`/${'a'.repeat(1_024)}`, 'is longer than 1024 characters'],
  ])('%j is refused: it %s', (text, problem) => {
    expect(pathProblem(text)).toBe(problem)
    expect(() => pathPattern(text)).toThrow(TypeError)
  })
})

describe('a folded path', () => {
  test.each([
    ['/', ''],
    ['/A/b/', '/a/b'],
    ['/a./b ', '/a/b'],
    ['/É', '/é'],
    ['/e\u0301', '/é'],
    ['/ſ\u212a', '/sk'],
    ['/ﬁle', '/file'],
    ['/STRASSE/straße', '/strasse/strasse'],
    ['/ad\u00admin\u200b', '/admin'],
  ])('%s is %s', (path, folded) => {
    expect(foldPath(path)).toBe(folded)
  })

  test.each([
    '/%EF%BC%8F',
    '/a/%E2%80%A5',
    '/a/%E2%80%8B/b',
    '/%EF%BC%85',
    '/%EF%BC%9B',
    '/a/%E3%80%80/b',
  ])('%s would hide a divider, and is refused', (raw) => {
    expect(readingsOf(raw)).toBeUndefined()
  })

  test('that is very long and ends in dots takes no time', () => {
    expect(readingsOf(`/${'.'.repeat(8_000)}a`)).toHaveLength(2)
    expect(readingsOf(`/a${'.'.repeat(8_000)}`)?.[1]?.path).toBe('/a')
  })
})

describe('a host', () => {
  test.each([
    ['API.example.com', { name: 'api.example.com', port: undefined }],
    ['api.example.com.:080', { name: 'api.example.com', port: 80 }],
    ['my_app:8080', { name: 'my_app', port: 8080 }],
    ['10.0.0.1', { name: '10.0.0.1', port: undefined }],
    ['[::1]:443', { name: '[::1]', port: 443 }],
    ['[0:0:0:0:0:0:0:1]', { name: '[::1]', port: undefined }],
  ])('%s is read', (raw, host) => {
    expect(readHost(raw)).toEqual(host)
    const read = createHostReader()
    expect([read(raw), read(raw)]).toEqual([host, host])
  })

  test.each([
    '',
    'a, b',
    'a,b',
    'a b',
    'a@b',
    'a:b@c',
    'http://a',
    'a/b',
    'a?b',
    'a#b',
    'a..b',
    '.a',
    'a:',
    'a:-1',
    'a:65536',
    'a:123456',
    'a%2eb',
    'é.example',
    'a\0',
    '[::1',
    '[::zz]',
    '::1',
    '*.example.com',
    'a'.repeat(263),
  ])('%j is none', (raw) => {
    expect(readHost(raw)).toBeUndefined()
    expect(createHostReader()(raw)).toBeUndefined()
  })

  test('is read anew after more hosts than are remembered', () => {
    const read = createHostReader()
    for (let i = 0; i < 1_000; i += 1) {
      expect(read(`h${i}.example.com`)?.name).toBe(`h${i}.example.com`)
    }
    expect(read('h1.example.com')?.name).toBe('h1.example.com')
  })

  test.each([
    ['*', 'says nothing: leave host out for every host'],
    ['https://a.example.com', 'must be a host alone: the scheme has its own key'],
    [
      'a.*.example.com',
      'must be a host such as api.example.com or *.example.com, with or without a port',
    ],
    [
      '*example.com',
      'must be a host such as api.example.com or *.example.com, with or without a port',
    ],
    ['a b', 'must be a host such as api.example.com or *.example.com, with or without a port'],
  ])('of a pattern is refused: %s %s', (text, problem) => {
    expect(hostProblem(text)).toBe(problem)
    expect(() => hostPattern(text)).toThrow(TypeError)
  })
})

describe('a pattern of subjects', () => {
  test.each([
    ['spiffe://example.org/a/**', 'spiffe://example.org/a/b', true],
    ['spiffe://example.org/a/**', 'spiffe://example.org/a/b/c/d', true],
    ['spiffe://example.org/a/**', 'spiffe://example.org/a', false],
    ['spiffe://example.org/a/**', 'spiffe://example.org/a/', false],
    ['spiffe://example.org/a/**', 'spiffe://example.org/a/../b', false],
    ['spiffe://example.org/a/**', 'spiffe://example.org/a/b//c', false],
    ['spiffe://example.org/a/**', 'spiffe://example.org/ab/c', false],
    ['spiffe://example.org/a/**', 'spiffe://example.org.evil/a/b', false],
    ['spiffe://example.org/a/**', 'SPIFFE://example.org/a/b', false],
    ['spiffe://example.org/a/**', 'https://example.org/a/b', false],
    ['spiffe://*/a/*', 'spiffe://x/a/b', true],
    ['spiffe://*/a/*', 'spiffe:///a/b', false],
    ['spiffe://*/a/*', 'spiffe://x/a/..', false],
    ['spiffe://*/a/*', 'spiffe://x/a/b/c', false],
    ['spiffe://x/bot-*', 'spiffe://x/bot-7', true],
    ['spiffe://x/bot-*', 'spiffe://x/robot-7', false],
    ['user_*', 'user_42', true],
    ['**', 'user_42', true],
    ['**', '', false],
  ])('%s and %s: %s', (pattern, subject, matches) => {
    expect(subjectPattern(pattern).matches(subject)).toBe(matches)
  })

  test.each([
    ['', 'must not be empty'],
    ['a b', 'must have no blanks'],
    ['spiffe://a/../b', 'is not normal: it has an empty or a dot segment'],
    ['spiffe://a//b', 'is not normal: it has an empty or a dot segment'],
    ['spiffe://a/**/b', 'may have ** only as the last segment'],
    ['spiffe://a/b**', 'may have ** only as a whole segment'],
    ['a'.repeat(1_025), 'is longer than 1024 characters'],
  ])('%j is refused: it %s', (text, problem) => {
    expect(subjectProblem(text)).toBe(problem)
    expect(() => subjectPattern(text)).toThrow(TypeError)
  })
})
