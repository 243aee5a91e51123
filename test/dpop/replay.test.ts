import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leeway, maxAge } from '../../src/dpop/claims.ts'
import type { Use } from '../../src/dpop/replay.ts'
import { createReplayMemory, useOf } from '../../src/dpop/replay.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { makeProofKey, sealProof } from '../helpers/proofs.ts'
import { carrying, createAsking, gistOf, key, start, url } from './asking.ts'

const minute = 60_000
const hour = 60 * minute

describe('a proof that was used', () => {
  it('is refused from then on', () => {
    const { make, check, clock, proofs } = createAsking()
    const one = make()
    expect(gistOf(check(one))).toBe('allow')
    for (const _ of [1, 2, 3]) {
      expect(gistOf(check(one))).toBe('dpop_replay_detected jti')
      clock.advance(15_000)
    }
    clock.advance(minute)
    expect(gistOf(check(one))).toBe('iat_outside_window iat')
    expect(proofs.size()).toBe(0)
  })

  it('is refused without a look at its signature', () => {
    const { make, check } = createAsking()
    const one = make()
    expect(gistOf(check(one))).toBe('allow')
    expect(gistOf(check(`${one.slice(0, one.lastIndexOf('.'))}.AAAA`))).toBe(
      'dpop_replay_detected jti',
    )
  })

  it('is known when its ECDSA signature is turned into the other one that holds', () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const { make, check } = createAsking()
    const [header, payload, signature = ''] = make().split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const s = BigInt(`0x${bytes.toString('hex', 32)}`)
    const turned = bytes.toString('hex', 0, 32) + (order - s).toString(16).padStart(64, '0')
    const twin = `${header}.${payload}.${Buffer.from(turned, 'hex').toString('base64url')}`
    expect(gistOf(createAsking().check(twin))).toBe('allow')
    expect(gistOf(check(`${header}.${payload}.${signature}`))).toBe('allow')
    expect(gistOf(check(twin))).toBe('dpop_replay_detected jti')
  })

  it('is known when its holder signs the same jti for another moment, URL or body', () => {
    const { make, check, clock } = createAsking()
    expect(gistOf(check(make({ jti: 'one' })))).toBe('allow')
    clock.advance(10_000)
    expect(gistOf(check(make({ jti: 'one', body: 'other' })))).toBe('dpop_replay_detected jti')
    expect(gistOf(check(make({ jti: 'One' })))).toBe('allow')
  })

  it('says nothing about the same jti under another key', () => {
    const { make, check } = createAsking()
    const other = makeProofKey()
    expect(gistOf(check(make({ jti: 'one' })))).toBe('allow')
    const theirs = make({ key: other, jti: 'one' })
    expect(gistOf(check(theirs, { keyThumbprint: other.thumbprint }))).toBe('allow')
  })

  it('was not used up by a copy that was refused', () => {
    const { make, check, proofs } = createAsking()
    const one = make()
    const [header, payload] = one.split('.')
    expect(gistOf(check(`${header}.${payload}.${'A'.repeat(86)}`))).toBe('invalid_signature')
    expect(proofs.size()).toBe(0)
    expect(gistOf(check(one))).toBe('allow')
  })
})

describe('a flood', () => {
  it('of one proof lets it through once', { timeout: 60_000 }, () => {
    const { make, proofs } = createAsking()
    const context = carrying(make())
    const counts = new Map<string, number>()
    for (let i = 0; i < 100_000; i++) {
      const gist = gistOf(proofs.check({ ...context, request: {} }))
      counts.set(gist, (counts.get(gist) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({ allow: 1, 'dpop_replay_detected jti': 99_999 })
    expect(proofs.size()).toBe(1)
  })

  it('of ever new proofs that nobody signed fills nothing', { timeout: 60_000 }, () => {
    const { proofs } = createAsking()
    // Of all signatures that of RSA is the quickest to check.
    const rsa = makeProofKey('RS256')
    const { ath } = JSON.parse(
      Buffer.from(createAsking().make().split('.')[1] ?? '', 'base64url').toString(),
    ) as { ath: string }
    const header = JSON.stringify({ typ: 'dpop+jwt', alg: 'RS256', jwk: rsa.jwk })
    const [head] = sealProof(header, '{}', rsa).split('.')
    const signature = Buffer.alloc(256, 7).toString('base64url')
    let refused = 0
    for (let i = 0; i < 100_000; i++) {
      const claims = { jti: `garbage-${i}`, htm: 'GET', htu: url, iat: start / 1000, ath }
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
      const context = carrying(`${head}.${payload}.${signature}`, { keyThumbprint: rsa.thumbprint })
      if (gistOf(proofs.check(context)) === 'invalid_signature') refused++
    }
    expect(refused).toBe(100_000)
    expect(proofs.size()).toBe(0)
  })
})

describe('a request that is checked twice', () => {
  it('passes again, also when a proof in its state could pass no more', () => {
    const { make, check, clock, proofs } = createAsking({ nonce: {} })
    const request = {}
    const one = make({ nonce: String(proofs.nonce()), body: 'x' })
    const first = check(one, { request })
    expect(gistOf(first)).toBe('allow')
    expect(check(one, { request })).toBe(first)
    clock.advance(hour)
    expect(check(one, { request })).toBe(first)
    expect(proofs.size()).toBe(0)
  })

  it('leaves its proof used up for every other one', () => {
    const { make, check } = createAsking()
    const one = make()
    const request = {}
    for (const _ of [1, 2]) expect(gistOf(check(one, { request }))).toBe('allow')
    for (const _ of [1, 2]) expect(gistOf(check(one))).toBe('dpop_replay_detected jti')
    expect(gistOf(check(one, { request }))).toBe('allow')
  })

  it('is another one under another token, method, URL, proof or checker', () => {
    const { make, check } = createAsking()
    const one = make()
    const request = {}
    expect(gistOf(check(one, { request }))).toBe('allow')
    const { tokenDigest, target } = carrying(one)
    expect(gistOf(check(one, { request, tokenDigest: `${tokenDigest}=` }))).toBe(
      'dpop_replay_detected jti',
    )
    expect(gistOf(check(one, { request, tokenDigest: 'other' }))).toBe('ath_mismatch')
    const put = { ...target, method: 'PUT' }
    expect(gistOf(check(one, { request, target: put }))).toBe('htm_mismatch')
    const elsewhere = { ...target, path: '/other' }
    expect(gistOf(check(one, { request, target: elsewhere }))).toBe('htu_mismatch')
    const [head, payload] = one.split('.')
    expect(gistOf(check(`${head}.${payload}.AAAA`, { request }))).toBe('dpop_replay_detected jti')
    expect(gistOf(check([one, one], { request }))).toBe('several_proofs')
    expect(gistOf(check([], { request }))).toBe('proof_missing')
    expect(gistOf(check(one, { request, keyThumbprint: undefined }))).toBe('token_not_bound')
  })

  it('is refused again where it was refused', () => {
    const { make, check } = createAsking()
    const request = {}
    for (const _ of [1, 2]) {
      expect(gistOf(check(make({ method: 'PUT' }), { request }))).toBe('htm_mismatch')
    }
  })
})

describe('a full memory', () => {
  const keys = Array.from({ length: 11 }, () => makeProofKey())

  it('takes no more than a tenth from each key, and forgets nothing for it', () => {
    const { make, check, clock, proofs } = createAsking({ memory: 50 })
    const used = Array.from({ length: 5 }, () => make())
    expect(used.map((one) => gistOf(check(one)))).toEqual(Array(5).fill('allow'))
    for (let i = 0; i < 20; i++) expect(gistOf(check(make()))).toBe('replay_memory_full')
    expect(proofs.size()).toBe(5)
    expect(used.map((one) => gistOf(check(one)))).toEqual(Array(5).fill('dpop_replay_detected jti'))
    const [other = key] = keys
    const theirs = make({ key: other })
    expect(gistOf(check(theirs, { keyThumbprint: other.thumbprint }))).toBe('allow')
    clock.advance(maxAge + leeway + 1_000)
    expect(gistOf(check(make()))).toBe('allow')
  })

  it('says that it cannot tell, for how long, and recovers by then', () => {
    const { make, check, clock, proofs } = createAsking({ memory: 20 })
    const ask = (at: number): ReturnType<typeof check> => {
      const own = keys[at] ?? key
      return check(make({ key: own }), { keyThumbprint: own.thumbprint })
    }
    for (let i = 0; i < 20; i++) expect(gistOf(ask(i % 10))).toBe('allow')
    expect(proofs.size()).toBe(20)
    clock.advance(20_000)
    const answer = ask(10)
    expect(answer).toEqual({ outcome: 'unknown', reason: 'replay_memory_full', retryAfter: 45 })
    for (let i = 0; i < 100; i++) expect(gistOf(ask(i % 11))).toBe('replay_memory_full')
    expect(proofs.size()).toBe(20)
    clock.advance(45_000)
    expect(gistOf(ask(10))).toBe('allow')
    expect(proofs.size()).toBe(1)
  })

  it('tells a key that is full alone when room comes for that key, whatever others leave', () => {
    const { make, check, clock } = createAsking({ memory: 50 })
    const ask = (own: typeof key): ReturnType<typeof check> =>
      check(make({ key: own }), { keyThumbprint: own.thumbprint })
    const [other = key] = keys
    for (let i = 0; i < 4; i++) {
      expect(gistOf(ask(other))).toBe('allow')
      clock.advance(10_000)
    }
    for (let i = 0; i < 5; i++) expect(gistOf(ask(key))).toBe('allow')
    // The first use of the other key goes in 25 seconds, the first of this one in 65.
    for (const retryAfter of [65, 55, 45, 35, 25, 15, 5]) {
      expect(ask(key)).toMatchObject({ reason: 'replay_memory_full', retryAfter })
      clock.advance(10_000)
    }
    expect(gistOf(ask(key))).toBe('allow')
  })

  it('tells a key that has room left when the first use of anybody goes', () => {
    const { make, check, clock } = createAsking({ memory: 1 })
    const [other = key] = keys
    expect(gistOf(check(make()))).toBe('allow')
    clock.advance(10_000)
    const theirs = check(make({ key: other }), { keyThumbprint: other.thumbprint })
    expect(theirs).toMatchObject({ reason: 'replay_memory_full', retryAfter: 55 })
  })

  it('still tells a used proof from a new one', () => {
    const { make, check } = createAsking({ memory: 1 })
    const one = make()
    expect(gistOf(check(one))).toBe('allow')
    expect(gistOf(check(make()))).toBe('replay_memory_full')
    expect(gistOf(check(one))).toBe('dpop_replay_detected jti')
  })
})

describe('a clock that is set', () => {
  it('back revives no used proof', () => {
    const { make, check, clock, proofs } = createAsking()
    const one = make()
    expect(gistOf(check(one))).toBe('allow')
    clock.advance(2 * minute)
    expect(proofs.size()).toBe(0)
    clock.step(-2 * minute)
    expect(gistOf(check(one))).toBe('iat_outside_window iat')
  })

  it('ahead and back forgets nothing and locks nobody out', () => {
    const { make, check, clock } = createAsking()
    const one = make()
    expect(gistOf(check(one))).toBe('allow')
    clock.advance(1_000)
    clock.step(hour)
    expect(gistOf(check(one))).toBe('iat_outside_window iat')
    // Whoever shares the wrong clock makes the memory look at what it can drop.
    expect(gistOf(check(make()))).toBe('allow')
    clock.advance(1_000)
    clock.step(-hour)
    expect(gistOf(check(one))).toBe('dpop_replay_detected jti')
    expect(gistOf(check(make({ claims: { iat: start / 1000 } })))).toBe('allow')
  })

  it('back by less than the life of a proof forgets nothing and locks nobody out', () => {
    const { make, check, clock } = createAsking()
    const one = make()
    expect(gistOf(check(one))).toBe('allow')
    clock.advance(1_000)
    clock.step(-minute)
    clock.advance(maxAge + leeway)
    expect(gistOf(check(one))).toBe('dpop_replay_detected jti')
    expect(gistOf(check(make({ claims: { iat: start / 1000 } })))).toBe('allow')
  })

  it('ahead for a moment is remembered to the proof until its time has come', () => {
    const { make, check, clock } = createAsking()
    clock.step(10 * minute)
    const ahead = make()
    expect(gistOf(check(ahead))).toBe('allow')
    clock.step(-10 * minute)
    for (let i = 0; i < 10; i++) {
      expect(gistOf(check(make()))).toBe('allow')
      clock.advance(minute)
    }
    expect(gistOf(check(ahead))).toBe('dpop_replay_detected jti')
    expect(gistOf(check(make()))).toBe('allow')
  })

  it('ahead, used and set right again, leaves the present as it was', () => {
    const { make, check, clock } = createAsking()
    clock.step(hour)
    const ahead = Array.from({ length: 600 }, () => {
      clock.advance(1_000)
      const one = make()
      expect(gistOf(check(one))).toBe('allow')
      return one
    })
    clock.step(-hour)
    for (let i = 0; i < 200; i++) {
      expect(gistOf(check(make()))).toBe('allow')
      clock.advance(1_000)
    }
    // When the time comes for which those were made, none passes for new.
    clock.advance(hour - 800_000)
    for (const one of ahead) {
      expect(gistOf(check(one))).not.toBe('allow')
      clock.advance(1_000)
    }
    clock.advance(minute)
    expect(gistOf(check(make()))).toBe('allow')
  })

  it('ahead and right again with a full memory makes room for the present', () => {
    const { make, check, clock } = createAsking({ memory: 10 })
    clock.step(hour)
    const ahead = make()
    expect(gistOf(check(ahead))).toBe('allow')
    expect(gistOf(check(make()))).toBe('replay_memory_full')
    clock.step(-hour)
    expect(gistOf(check(make()))).toBe('replay_memory_full')
    clock.advance(maxAge + leeway)
    expect(gistOf(check(make()))).toBe('allow')
    clock.advance(hour - maxAge - leeway)
    expect(gistOf(check(ahead))).toBe('iat_outside_window iat')
  })
})

/** What a caller does with the memory: the window first, then look and remember. */
function createDesk(limit: number): {
  clock: FakeClock
  use: (one: Use) => string
  fresh: (offset: number, holder?: string, jti?: string) => Use
  size: () => number
} {
  const clock = createFakeClock(start - hour)
  const memory = createReplayMemory({ clock, now: clock.now, limit })
  clock.advance(hour)
  let count = 0
  return {
    clock,
    use(one) {
      const age = clock.now() - one.issuedAt * 1000
      if (age > maxAge || age < -leeway) return 'outside'
      const known = memory.look(one)
      if (known === 'new') memory.remember(one)
      return known
    },
    fresh: (offset, holder = 'holder', jti = `fresh-${count++}`) =>
      useOf(holder, jti, (clock.now() + offset) / 1000),
    size: () => memory.size(),
  }
}

const offset = fc.integer({ min: -maxAge, max: leeway })
const move = fc.oneof(
  fc.record({ does: fc.constant('advance' as const), by: fc.integer({ min: 0, max: 90_000 }) }),
  fc.record({ does: fc.constant('step' as const), by: fc.integer({ min: -hour, max: hour }) }),
  fc.record({
    does: fc.constant('use' as const),
    offset,
    holder: fc.constantFrom('a', 'b', 'c'),
  }),
  fc.record({
    does: fc.constant('again' as const),
    which: fc.nat(),
    // Goes back to when the proof was made, as a clock may by chance.
    rewind: fc.boolean(),
  }),
)

describe('whatever the clock does', () => {
  it('no proof passes twice, and the memory keeps to its bound', () => {
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 120, size: 'max' }),
        fc.constantFrom(3, 30, 1_000),
        (moves, limit) => {
          const desk = createDesk(limit)
          const made: Use[] = []
          const passed = new Set<string>()
          const use = (one: Use): void => {
            if (desk.use(one) !== 'new') return
            expect(passed).not.toContain(one.id)
            passed.add(one.id)
          }
          for (const one of moves) {
            if (one.does === 'advance') desk.clock.advance(one.by)
            if (one.does === 'step') desk.clock.step(one.by)
            if (one.does === 'use') {
              made.push(desk.fresh(one.offset, one.holder))
              use(made.at(-1) as Use)
            }
            const again = one.does === 'again' ? made[one.which % made.length] : undefined
            if (one.does === 'again' && again !== undefined) {
              if (one.rewind) desk.clock.step(again.issuedAt * 1000 - desk.clock.now())
              use(again)
            }
            expect(desk.size()).toBeLessThanOrEqual(limit)
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('a jti does not pass twice within the life of a proof, whatever iat it is signed for', () => {
    const step = fc.record({ wait: fc.nat(20_000), offset, jti: fc.constantFrom('a', 'b', 'c') })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const desk = createDesk(1_000)
        const freshUntil = new Map<string, number>()
        for (const { wait, offset: by, jti } of steps) {
          desk.clock.advance(wait)
          const one = desk.fresh(by, 'holder', jti)
          const isFree = desk.clock.now() > (freshUntil.get(jti) ?? 0)
          if (desk.use(one) !== 'new') continue
          expect(isFree).toBe(true)
          freshUntil.set(jti, one.issuedAt * 1000 + maxAge)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('a new proof passes while the clock is right and there is room', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat(90_000), offset }), { maxLength: 200, size: 'max' }),
        (steps) => {
          const desk = createDesk(10_000)
          for (const { wait, offset: by } of steps) {
            desk.clock.advance(wait)
            expect(desk.use(desk.fresh(by))).toBe('new')
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('a new proof passes as soon as a clock that ran ahead is right again', () => {
    const traffic = fc.array(fc.record({ wait: fc.nat(90_000), offset }), {
      maxLength: 40,
      size: 'max',
    })
    const ahead = fc.integer({ min: 2 * hour, max: 24 * hour })
    fc.assert(
      fc.property(fc.array(fc.tuple(ahead, traffic, traffic), { maxLength: 4 }), (runs) => {
        const desk = createDesk(10_000)
        const go = (steps: readonly { wait: number; offset: number }[]): void => {
          for (const { wait, offset: by } of steps) {
            desk.clock.advance(wait)
            desk.use(desk.fresh(by))
          }
        }
        for (const [by, during, after] of runs) {
          desk.clock.step(by)
          go(during)
          desk.clock.step(-by)
          // What was used ahead stays refused when its time comes; that is not yet.
          if (desk.clock.now() - start > 2 * hour - 2 * minute) return
          expect(desk.use(desk.fresh(0))).toBe('new')
          go(after)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('there is room again once the life of what was used is over', () => {
    fc.assert(
      fc.property(fc.array(offset, { minLength: 1, maxLength: 30, size: 'max' }), (offsets) => {
        const desk = createDesk(10)
        for (const by of offsets) desk.use(desk.fresh(by))
        desk.clock.advance(maxAge + leeway + 1)
        expect(desk.size()).toBe(0)
        expect(desk.use(desk.fresh(0))).toBe('new')
      }),
    )
  })
})
