import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { IdentitiesOptions, Resolution } from '../../src/revocation/identities.ts'
import { createIdentities } from '../../src/revocation/identities.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { quiet } from '../helpers/until.ts'

/** Look-ups by hand: each waits for its answer. */
function setUp(options: Partial<IdentitiesOptions> = {}) {
  const clock = createFakeClock()
  const calls: string[] = []
  const waiting: { id: string; resolve: (uri?: string) => void; reject: (e: Error) => void }[] = []
  const failures: unknown[] = []
  const identities = createIdentities({
    clock,
    lookUp: (id) => {
      calls.push(id)
      return new Promise((resolve, reject) => waiting.push({ id, resolve, reject }))
    },
    onFailure: (error) => void failures.push(error),
    ...options,
  })
  const told: Resolution[] = []
  const resolve = (id: string): void => identities.resolve(id, (answer) => void told.push(answer))
  return { clock, calls, waiting, failures, identities, told, resolve }
}

const immediate = () => new Promise((resolve) => setImmediate(resolve))

describe('identities', () => {
  it('looks each id up once at a time, for all who wait for it', async () => {
    const { resolve, calls, waiting, told } = setUp()
    for (let turn = 0; turn < 5; turn++) resolve('a')
    expect(calls).toEqual(['a'])
    waiting[0]?.resolve('spiffe://a')
    await immediate()
    expect(told).toEqual(Array(5).fill({ kind: 'subject', subject: 'spiffe://a' }))
  })

  it('remembers what it found', async () => {
    const { resolve, waiting, identities } = setUp()
    expect(identities.known('a')).toBeUndefined()
    resolve('a')
    waiting[0]?.resolve('spiffe://a')
    await immediate()
    expect(identities.known('a')?.subject).toBe('spiffe://a')
  })

  it('does not remember that an id is foreign: it may be registered yet', async () => {
    const { resolve, waiting, identities, told, calls } = setUp()
    resolve('a')
    waiting[0]?.resolve(undefined)
    await immediate()
    expect(told).toEqual([{ kind: 'foreign' }])
    expect(identities.known('a')).toBeUndefined()
    resolve('a')
    expect(calls).toEqual(['a', 'a'])
  })

  it('tries again after a failure until it is told, each time after a pause', async () => {
    const { resolve, waiting, told, calls, clock } = setUp()
    resolve('a')
    for (let attempt = 1; attempt <= 6; attempt++) {
      waiting.at(-1)?.reject(new Error('down'))
      await immediate()
      expect(calls).toHaveLength(attempt)
      clock.advance(10_000)
      expect(calls).toHaveLength(attempt + 1)
    }
    waiting.at(-1)?.resolve('spiffe://a')
    await immediate()
    expect(told).toEqual([{ kind: 'subject', subject: 'spiffe://a' }])
  })

  it('tells of a run of failures once, and of the next run again', async () => {
    const { resolve, waiting, failures, clock } = setUp()
    for (const id of ['a', 'b', 'c']) resolve(id)
    for (const { reject } of waiting.splice(0)) reject(new Error('down'))
    await immediate()
    clock.advance(10_000)
    for (const { reject } of waiting.splice(0)) reject(new Error('down'))
    await immediate()
    expect(failures).toHaveLength(1)
    clock.advance(10_000)
    for (const each of waiting.splice(0)) each.resolve('spiffe://x')
    await immediate()
    resolve('d')
    for (const { reject } of waiting.splice(0)) reject(new Error('down'))
    await immediate()
    expect(failures).toHaveLength(2)
  })

  it('has eight look-ups under way at most', async () => {
    const { resolve, calls, waiting } = setUp()
    for (let id = 0; id < 30; id++) resolve(String(id))
    expect(calls).toHaveLength(8)
    waiting[0]?.resolve('spiffe://x')
    await immediate()
    expect(calls).toHaveLength(9)
  })

  it('begins 500 look-ups a second at most, whoever fills the queue', async () => {
    const calls: string[] = []
    const clock = createFakeClock()
    const identities = createIdentities({
      clock,
      lookUp: async (id) => {
        calls.push(id)
        return undefined
      },
      onFailure: () => {},
    })
    let told = 0
    for (let id = 0; id < 1_300; id++) identities.resolve(randomUUID(), () => void told++)
    for (const expected of [500, 1_000, 1_300]) {
      await quiet(40)
      expect(calls).toHaveLength(expected)
      clock.advance(1_000)
    }
    expect(told).toBe(1_300)
  })

  it('remembers a bounded number', async () => {
    const { resolve, waiting, identities } = setUp({ max: 2 })
    for (const id of ['a', 'b', 'c']) resolve(id)
    for (const { id, resolve: answer } of waiting) answer(`spiffe://${id}`)
    await immediate()
    const known = ['a', 'b', 'c'].map((id) => identities.known(id)?.subject)
    expect(known).toEqual([undefined, 'spiffe://b', 'spiffe://c'])
  })

  it('tells nobody and asks nothing after close', async () => {
    const { resolve, waiting, identities, told, calls, clock, failures } = setUp()
    for (const id of ['a', 'b']) resolve(id)
    identities.close()
    waiting[0]?.resolve('spiffe://a')
    waiting[1]?.reject(new Error('down'))
    await immediate()
    clock.advance(60_000)
    resolve('c')
    expect([told, failures, calls]).toEqual([[], [], ['a', 'b']])
  })
})
