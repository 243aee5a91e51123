import { describe, expect, test } from 'vitest'
import { policyFrom } from '../../src/policy/document.ts'
import { foldCase } from '../../src/policy/readings.ts'

describe('the case of a letter', () => {
  test('is overlooked for every letter there is, wherever it stands', () => {
    const apart: string[] = []
    for (let point = 0x80; point < 0x1_0000; point += 1) {
      const letter = String.fromCodePoint(point)
      if (!/\p{L}/u.test(letter)) continue
      for (const other of [letter.toUpperCase(), letter.toLowerCase()]) {
        // Some letters have another small form at the end of a word.
        for (const [before, behind] of [
          ['', ''],
          ['α', ''],
          ['α', 'β'],
        ]) {
          const [one, two] = [letter, other].map((it) => foldCase(`${before}${it}${behind}`))
          if (one !== two) apart.push(`${before}${letter}${behind} ${other}`)
        }
      }
    }
    expect(apart).toEqual([])
  })

  test.each([
    ['/straße/**', '/STRA%E1%BA%9EE/x'],
    ['/σας/**', '/%CE%A3%CE%91%CE%A3/x'],
    ['/ασ*', '/%CE%91%CE%A3%CE%A7'],
    ['/*σ/x', '/%CE%91%CE%A3/x'],
    // Java and Windows lower one letter for another; İ becomes i.
    ['/admin/**', '/adm%C4%B0n/x'],
    ['/admin/**', '/adm%C4%B1n/x'],
    ['/status/**', '/%C5%BFtatus/x'],
    ['/keys/**', '/%E2%84%AAeys/x'],
  ])('does not lead past %s: %s', (path, raw) => {
    const policy = policyFrom({
      version: 1,
      routes: [
        { name: 'strict', match: { path } },
        { name: 'rest', match: { path: '/**' } },
      ],
    })
    const target = { method: 'GET', scheme: undefined, host: undefined, preflightFor: undefined }
    expect(policy.match({ ...target, path: raw })).toEqual({
      kind: 'refused',
      reason: 'path_refused',
    })
  })
})
