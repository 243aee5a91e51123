import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createForgotten } from '../../src/dpop/forgotten.ts'

const second = fc.integer({ min: 0, max: 2_000 })

describe('the seconds that are forgotten', () => {
  it('stay forgotten, and the present is not among them unless it was', () => {
    fc.assert(
      fc.property(fc.array(second, { maxLength: 100, size: 'max' }), second, (seconds, present) => {
        const forgotten = createForgotten()
        const added = seconds.filter((one) => one !== present)
        for (const one of added) forgotten.add(one, present)
        expect(added.filter((one) => !forgotten.has(one))).toEqual([])
        expect(forgotten.has(present)).toBe(false)
      }),
      { numRuns: 1_000 },
    )
  })

  it('are no others while they lie in a few stretches', () => {
    const forgotten = createForgotten()
    const stretches = Array.from({ length: 16 }, (_, i) => i * 100)
    // The later half of each comes first, and then the earlier one backwards.
    for (const from of stretches) for (const i of [5, 6, 7, 8, 9]) forgotten.add(from + i, 5_000)
    for (const from of stretches) for (const i of [4, 3, 2, 1, 0]) forgotten.add(from + i, 5_000)
    for (let at = 0; at < 1_600; at++) expect(forgotten.has(at)).toBe(at % 100 < 10)
  })

  it('never come to hold the present, however close they are to it', () => {
    const forgotten = createForgotten()
    for (const one of [749, 751]) forgotten.add(one, 750)
    for (let i = 0; i < 30; i++) forgotten.add(i * 50 + 20, 750)
    expect([749, 750, 751].map((one) => forgotten.has(one))).toEqual([true, false, true])
  })

  it('are sixteen stretches at most, the closest joined first', () => {
    const forgotten = createForgotten()
    const apart = Array.from({ length: 40 }, (_, i) => 3 * i + (i < 25 ? 0 : 100 * (i - 24)))
    for (const one of apart) forgotten.add(one, 10_000)
    let begun = 0
    for (let at = 0; at <= 2_000; at++) {
      if (forgotten.has(at) && !forgotten.has(at - 1)) begun++
    }
    expect(begun).toBe(16)
    expect(forgotten.has(1)).toBe(true)
    expect(forgotten.has(1_500)).toBe(false)
  })
})
