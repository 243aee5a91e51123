import { describe, expect, it } from 'vitest'
import { createIdentities } from '../../src/revocation/identities.ts'
import { createIntake } from '../../src/revocation/intake.ts'
import { createKnowledge } from '../../src/revocation/knowledge.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Followed } from '../helpers/follow.ts'
import { demo, startFollowed, told } from '../helpers/follow.ts'
import { bearer } from '../helpers/stack.ts'

/** A gate with room for one token, which heard that one is inactive and forgot it. */
async function startForgetful(
  options: Parameters<typeof startFollowed>[0] = {},
): Promise<Followed & { readonly dead: string }> {
  const followed = await startFollowed({ cacheTokens: 1, ...options })
  const { zeroid, aged, say } = followed
  const dead = await aged()
  await zeroid.revoke(dead)
  expect(await say(dead)).toBe('deny token_inactive')
  expect(await say(await aged())).toBe('allow introspected')
  return { ...followed, dead }
}

describe('a token that was called inactive and was forgotten', () => {
  it('is asked about again where signals alone would do', async () => {
    const { gate, asked, dead, aged } = await startForgetful()
    const local = gate.terms({ mode: 'local' })
    const say = async (token: string): Promise<string> =>
      told(await gate.check(bearer(token), local))
    const before = asked()
    expect(await say(dead)).toBe('deny token_inactive')
    const alive = await aged()
    expect(await say(alive)).toBe('allow signals')
    expect(await say(alive)).toBe('allow signals')
    expect(asked()).toBe(before + 2)
  })

  it('is not let in for want of an answer', async () => {
    const { zeroid, say, dead, clock } = await startForgetful({ onUnknown: 'allow' })
    const later = await zeroid.mint({ iat: Math.floor(clock.now() / 1000) })
    zeroid.faults.set('introspect', { status: 503 })
    zeroid.faults.set('signals', { status: 503 })
    expect(await say(dead)).toMatch(/^unknown /)
    clock.advance(31_000)
    expect(await say(later)).toBe('allow none')
  })
})

describe('memory', () => {
  it('is not taken for signals that may never come', () => {
    const clock = createFakeClock()
    const hold = (): unknown[] =>
      Array.from({ length: 256 }, () => {
        const knowledge = createKnowledge()
        const identities = createIdentities({
          clock,
          lookUp: async () => undefined,
          onFailure: () => {},
        })
        const serverClock = {} as Parameters<typeof createIntake>[0]['serverClock']
        return createIntake({
          tenant: demo,
          label: 'demo',
          knowledge,
          identities,
          clock,
          serverClock,
          observer: {},
        })
      })
    const before = inUse()
    const held = hold()
    // Room for every signal of every tenant would be 600 MB.
    expect(inUse() - before).toBeLessThan(32 * 1_048_576)
    expect(held).toHaveLength(256)
  })
})

function inUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
