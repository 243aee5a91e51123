import { expect, it } from 'vitest'
import { startBurst, watchLoop } from '../helpers/burst.ts'
import { createFeedRecorder, demo, never, told } from '../helpers/follow.ts'
import { bearer, openDoor } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

it('50 000 signals in one burst are all enforced, and never hold up the event loop', async () => {
  const seen = createFeedRecorder()
  const { url, victims, bystander, send } = await startBurst(200)
  const { gate } = await openDoor({
    url,
    tenants: [demo],
    signalPoll: never,
    streamRenew: never,
    observer: { signal: (kind) => void seen.signals.push(kind) },
  })
  const feed = () => gate.status().tenants[0] ?? expect.fail()
  const say = async (token: string): Promise<string> => told(await gate.check(bearer(token)))
  await until(() => feed().state === 'live')
  for (const token of [...victims, bystander]) expect(await say(token)).toBe('allow introspected')
  const heap = process.memoryUsage().heapUsed

  const blocked = watchLoop()
  const sending = send(50_000)
  await until(() => seen.signals.length >= 50_000, undefined, 60_000)
  await until(() => feed().pending === 0)
  const longest = blocked()
  await sending

  for (const token of victims) expect(await say(token)).toBe('deny revoked_by_signal')
  expect(await say(bystander)).toMatch(/^allow /)
  expect(feed()).toMatchObject({ state: 'live', marks: 200, pending: 0 })
  expect(longest[1]).toBeLessThan(50)
  // The very longest may have the collector's work in it.
  expect(longest[0]).toBeLessThan(100)
  expect(process.memoryUsage().heapUsed - heap).toBeLessThan(150_000_000)
}, 90_000)
