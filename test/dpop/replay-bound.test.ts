import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { leeway, maxAge } from '../../src/dpop/claims.ts'
import type { Known, Use } from '../../src/dpop/replay.ts'
import { createReplayMemory, useOf } from '../../src/dpop/replay.ts'
import { createFakeClock } from '../helpers/clock.ts'

const minute = 60_000
const bound = 100_000
/** Each may have a tenth: more than enough of them to ask for all there is. */
const holders = Array.from({ length: 25 }, (_, i) => String(i).padStart(43, 'k'))

/** Bytes of the heap that something holds. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

function createDesk() {
  const clock = createFakeClock()
  const memory = createReplayMemory({ clock, now: clock.now, limit: bound })
  clock.advance(2 * minute)
  let made = 0
  return {
    clock,
    memory,
    next(): Use {
      const holder = holders[made % holders.length] as string
      return useOf(holder, `jti-${made++}`, Math.floor(clock.now() / 1000))
    },
    use(one: Use): Known {
      const known = memory.look(one)
      if (known === 'new') memory.remember(one)
      return known
    },
  }
}

test('250000 proofs within a minute: 100000 are taken, the rest is not, and none of them again', () => {
  const { clock, memory, next, use } = createDesk()
  const before = heapUsed()
  const taken: Use[] = []
  const refused: Use[] = []
  let [others, largest] = [0, 0]
  for (let i = 0; i < 250_000; i++) {
    if (i % 5_000 === 0) clock.advance(1_000)
    const one = next()
    const known = use(one)
    if (known === 'new') taken.push(one)
    else if (known === 'full') refused.push(one)
    else others++
    largest = Math.max(largest, memory.size())
  }
  expect([others, largest]).toEqual([0, bound])
  expect([taken.length, refused.length]).toEqual([bound, 150_000])
  expect(memory.size()).toBe(bound)
  expect(taken.filter((one) => use(one) !== 'used')).toEqual([])
  expect(refused.filter((one) => use(one) !== 'full')).toEqual([])
  taken.length = 0
  refused.length = 0
  // A few tens of bytes for each use; five times that would be something that should not be there.
  expect(heapUsed() - before).toBeLessThan(50_000_000)

  clock.advance(maxAge + leeway + 1_000)
  expect(memory.size()).toBe(0)
  expect(use(next())).toBe('new')
})

test('five minutes of more proofs than there is room for leaves nothing behind', () => {
  const { clock, memory, next, use } = createDesk()
  const before = heapUsed()
  let largest = 0
  for (let second = 0; second < 300; second++) {
    for (let i = 0; i < 2_000; i++) use(next())
    clock.advance(1_000)
    largest = Math.max(largest, memory.size())
  }
  expect(largest).toBe(bound)
  clock.advance(maxAge + leeway + 1_000)
  expect(memory.size()).toBe(0)
  expect(heapUsed() - before).toBeLessThan(10_000_000)
})
