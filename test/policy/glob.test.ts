import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matchesSegment, parseSegment, segmentText } from '../../src/policy/glob.ts'
import { nearest } from '../../src/policy/nearest.ts'

describe('a segment of a pattern', () => {
  test.each([
    ['a', 'a', true],
    ['a', 'A', false],
    ['*', 'a', true],
    ['*', '', false],
    ['a*', 'a', true],
    ['*a', 'ba', true],
    ['ab*ba', 'abba', true],
    ['ab*ba', 'aba', false],
    ['*a*a*', 'xax', false],
    ['*a*a*', 'xaax', true],
    ['a*b*c', 'acb', false],
    ['a*b*bc', 'abc', false],
    ['*.json', 'a.json', true],
    ['a.c', 'abc', false],
  ])('%s and %s: %s', (pattern, text, matches) => {
    expect(matchesSegment(parseSegment(pattern), text)).toBe(matches)
    expect(segmentText(parseSegment(pattern))).toBe(pattern)
  })

  test('matches what the same regular expression matches', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 6 })
    const patterns = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 2 }), {
      minLength: 2,
      maxLength: 4,
    })
    const property = fc.property(patterns, letters, (pieces, text) => {
      const pattern = pieces.join('*')
      if (pattern === '*' || pattern.includes('**')) return
      const shape = pieces.map((it) => it.replaceAll('.', '\\.')).join('.*')
      expect(matchesSegment(parseSegment(pattern), text)).toBe(new RegExp(`^${shape}$`).test(text))
    })
    fc.assert(property, { numRuns: 3_000 })
  })
})

describe('the nearest name', () => {
  const levels = ['unverified', 'verified_third_party', 'first_party']
  test.each([
    ['frist_party', 'first_party'],
    ['First_Party', 'first_party'],
    ['verifed_third_prty', 'verified_third_party'],
    ['unverifed', 'unverified'],
    ['party', undefined],
    ['', undefined],
    ['a'.repeat(1_000), undefined],
  ])('to %s is %s', (text, name) => {
    expect(nearest(text, levels)).toBe(name)
  })

  test('is the nearest of several that are near', () => {
    expect(nearest('scope', ['shape', 'scopes', 'score'])).toBe('scopes')
    expect(nearest('methdos', ['method', 'methods'])).toBe('methods')
  })
})
