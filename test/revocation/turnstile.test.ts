import { describe, expect, it } from 'vitest'
import { createTurnstile } from '../../src/revocation/turnstile.ts'
import { createFakeClock } from '../helpers/clock.ts'

const state = async (promise: Promise<unknown>): Promise<string> => {
  const pending = new Promise((resolve) => setImmediate(resolve, 'waits'))
  const settled = promise.then((turn) => (turn === undefined ? 'sent away' : 'inside'))
  return (await Promise.race([settled, pending])) as string
}

describe('the turnstile', () => {
  it('lets as many in as it is wide, and the next in order as turns end', async () => {
    const clock = createFakeClock()
    const turnstile = createTurnstile({ width: 2, patience: 1_000, clock })
    const [one, two] = [await turnstile.enter(), await turnstile.enter()]
    const [three, four] = [turnstile.enter(), turnstile.enter()]
    expect([await state(three), await state(four)]).toEqual(['waits', 'waits'])
    one?.leave()
    one?.leave()
    expect([await state(three), await state(four)]).toEqual(['inside', 'waits'])
    two?.leave()
    expect(await state(four)).toBe('inside')
  })

  it('sends away who would wait longer than the patience', async () => {
    const clock = createFakeClock()
    const turnstile = createTurnstile({ width: 1, patience: 1_000, clock })
    const first = turnstile.enter()
    const second = turnstile.enter()
    await first
    clock.advance(1_000)
    expect(await state(second)).toBe('sent away')
  })

  it('does not give a turn to somebody who went away', async () => {
    const clock = createFakeClock()
    const turnstile = createTurnstile({ width: 1, patience: 1_000, clock })
    const first = await turnstile.enter()
    const second = turnstile.enter()
    clock.advance(1_000)
    await second
    const third = turnstile.enter()
    first?.leave()
    expect(await state(third)).toBe('inside')
  })

  it('sends away at once who cannot be served in time, by how long turns take', async () => {
    const clock = createFakeClock()
    const turnstile = createTurnstile({ width: 1, patience: 1_000, clock })
    for (let turn = 0; turn < 40; turn++) {
      const inside = await turnstile.enter()
      clock.advance(600)
      inside?.leave()
    }
    void turnstile.enter()
    const [next, after] = [turnstile.enter(), turnstile.enter()]
    expect([await state(next), await state(after)]).toEqual(['waits', 'sent away'])
  })

  it('sends away at once who would wait for turns of which none has ended in time', async () => {
    const clock = createFakeClock()
    const turnstile = createTurnstile({ width: 2, patience: 1_000, clock })
    for (let turn = 0; turn < 40; turn++) {
      const inside = await turnstile.enter()
      clock.advance(5)
      inside?.leave()
    }
    const [stuck, moving] = [await turnstile.enter(), await turnstile.enter()]
    clock.advance(600)
    const queue = [turnstile.enter(), turnstile.enter(), turnstile.enter()]
    expect(await Promise.all(queue.map(state))).toEqual(['waits', 'waits', 'sent away'])
    // One turn that goes on and on does not count where others end.
    moving?.leave()
    expect(await state(turnstile.enter())).toBe('waits')
    stuck?.leave()
  })

  it('keeps a queue of sixteen widths at most', async () => {
    const clock = createFakeClock()
    const turnstile = createTurnstile({ width: 2, patience: 1_000, clock })
    const callers = Array.from({ length: 40 }, () => turnstile.enter())
    const states = await Promise.all(callers.map(state))
    expect(states.filter((each) => each === 'inside')).toHaveLength(2)
    expect(states.filter((each) => each === 'waits')).toHaveLength(32)
    expect(states.slice(34)).toEqual(Array(6).fill('sent away'))
  })
})
