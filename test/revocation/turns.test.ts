import { expect, it } from 'vitest'
import { createTurns } from '../../src/revocation/turns.ts'

/** Until everything that is due in this turn of the event loop was done. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('lets one through in each turn of the event loop, in the order of asking', async () => {
  const turns = createTurns()
  const done: string[] = []
  for (const name of ['a', 'b', 'c']) turns.next(() => void done.push(name))
  expect(done).toEqual([])
  const seen: string[] = []
  while (done.length < 3) {
    await turn()
    seen.push(done.join(''))
  }
  expect(seen).toEqual(['a', 'ab', 'abc'])
})

it('takes what is asked for during a turn behind what waits', async () => {
  const turns = createTurns()
  const done: string[] = []
  turns.next(() => {
    done.push('a')
    turns.next(() => void done.push('c'))
  })
  turns.next(() => void done.push('b'))
  while (done.length < 3) await turn()
  expect(done.join('')).toBe('abc')
})

it('goes on after it was idle', async () => {
  const turns = createTurns()
  const done: string[] = []
  turns.next(() => void done.push('a'))
  await turn()
  await turn()
  turns.next(() => void done.push('b'))
  await turn()
  expect(done.join('')).toBe('ab')
})
