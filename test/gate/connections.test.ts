import { expect, onTestFinished, test } from 'vitest'
import { startEmulator } from '../../src/emulator/index.ts'
import { startProxy } from '../helpers/proxy.ts'
import { bearer, openDoor } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'

test('tokens are introspected and lists are read while the look-ups of many tenants hang', async () => {
  const zeroid = await startEmulator()
  onTestFinished(() => zeroid.close())
  const hanging = new Set<object>()
  const proxy = await startProxy(zeroid.url, (request, response) => {
    if (!request.url?.includes('/identities/')) return false
    hanging.add(response)
    response.on('close', () => hanging.delete(response))
    return true
  })
  const tenants = Array.from({ length: 12 }, (_, index) => ({
    accountId: `acct-${index}`,
    projectId: 'proj',
  }))
  const { gate } = await openDoor({ url: proxy.url, tenants, signalPoll: 500 })
  await until(() => gate.status().tenants.every(({ state }) => state === 'live'))

  const agents = await Promise.all(
    tenants.flatMap(({ accountId: account, projectId: project }) =>
      Array.from({ length: 8 }, (_, index) =>
        zeroid.agent({ account, project, name: `agent-${index}` }),
      ),
    ),
  )
  const iat = Math.floor(zeroid.clock.now() / 1000) - 60
  const victims = agents.filter((_, index) => index % 8 === 0)
  const tokens = await Promise.all(victims.map((agent) => zeroid.mint({ agent, iat })))
  await Promise.all(agents.map((agent) => zeroid.signal({ agent })))
  await until(() => hanging.size >= 32)
  const readBefore = zeroid.requests.count('signals')

  const verdicts = await Promise.all(tokens.map(async (token) => await gate.check(bearer(token))))
  expect(new Set(verdicts.map((verdict) => 'reason' in verdict && verdict.reason))).toEqual(
    new Set(['token_inactive']),
  )
  await until(() => zeroid.requests.count('signals') >= readBefore + tenants.length)
})
