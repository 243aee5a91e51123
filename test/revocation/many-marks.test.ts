import { expect, it } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { systemClock } from '../../src/clock.ts'
import { heapInUse, watchLoop } from '../helpers/burst.ts'
import { never, told } from '../helpers/follow.ts'
import { startManyAgents } from '../helpers/marks.ts'
import { bearer, openDoor } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

/** A second's allowance of identity look-ups comes ten times a second. */
const hurried: Clock = {
  ...systemClock,
  after: (ms, fn) => systemClock.after(ms / 10, fn),
}

it('100 000 marks in ten tenants: the victim is denied, a bystander allowed, memory and event loop are bounded', async () => {
  const { url, accounts, victim, bystander, revokeAll } = await startManyAgents(10)
  const { gate } = await openDoor({
    url,
    tenants: accounts.map((accountId) => ({ accountId, projectId: 'proj-demo' })),
    clock: hurried,
    maxStaleness: 600_000,
    signalPoll: never,
    streamRenew: never,
  })
  const feeds = () => gate.status().tenants
  const say = async (token: string): Promise<string> => told(await gate.check(bearer(token)))
  const sum = (member: 'marks' | 'pending'): number =>
    feeds().reduce((total, feed) => total + feed[member], 0)
  await until(() => feeds().every(({ state }) => state === 'live'))
  for (const token of [victim, bystander]) expect(await say(token)).toMatch(/^allow /)
  const heap = heapInUse()

  const blocked = watchLoop()
  await revokeAll()
  await until(() => sum('marks') + sum('pending') >= 100_000, undefined, 60_000)
  await until(() => sum('pending') === 0, undefined, 60_000)
  const longest = blocked()

  expect(sum('marks')).toBe(100_000)
  expect(feeds().every(({ state, problem }) => state === 'live' && problem === undefined)).toBe(
    true,
  )
  expect(await say(victim)).toBe('deny revoked_by_signal')
  expect(await say(bystander)).toMatch(/^allow /)
  expect(longest[1]).toBeLessThan(50)
  // The very longest may have the collector's work in it.
  expect(longest[0]).toBeLessThan(100)
  expect(heapInUse() - heap).toBeLessThan(100_000_000)
}, 120_000)
