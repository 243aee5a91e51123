import { expect, onTestFinished, test } from 'vitest'
import { createIntrospector } from '../../src/revocation/introspect.ts'
import { createUpstream } from '../../src/upstream.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { createHold } from '../helpers/hold.ts'
import { answering, introspectPath, startServer } from '../helpers/server.ts'

test('of those who wait for a server that fails, one at a time goes on asking', async () => {
  const server = await startServer()
  const hold = createHold()
  server.on(introspectPath, hold.route)
  const upstream = createUpstream({ url: server.url })
  onTestFinished(() => upstream.close())
  const clock = createFakeClock()
  const concurrency = 6
  const introspector = createIntrospector({
    upstream,
    clock,
    observer: {},
    client: undefined,
    concurrency,
  })
  const ask = (name: string): Promise<{ outcome: string }> => introspector.ask(name, name)
  const waiting = Array.from({ length: 60 }, (_, index) => ask(`t${index}`))
  await hold.reached(concurrency)
  server.on(introspectPath, answering(503, 'application/json'))
  hold.release({}, 503)
  const answers = await Promise.all(waiting)
  expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['unknown']))
  // Five failures in a row, and whoever was let in before the last of them.
  const asked = server.count(introspectPath)
  expect(asked).toBeLessThan(concurrency + 5)

  server.on(introspectPath, hold.route)
  const next = Array.from({ length: 60 }, (_, index) => ask(`u${index}`))
  await hold.reached(1)
  const [probe, ...others] = next
  expect(new Set((await Promise.all(others)).map(({ outcome }) => outcome))).toEqual(
    new Set(['unknown']),
  )
  hold.release()
  expect(await probe).toMatchObject({ outcome: 'active' })
  expect(server.count(introspectPath)).toBe(asked + 1)

  const back = Array.from({ length: 4 }, (_, index) => ask(`v${index}`))
  await hold.reached(4)
  hold.release()
  expect(new Set((await Promise.all(back)).map(({ outcome }) => outcome))).toEqual(
    new Set(['active']),
  )
})
