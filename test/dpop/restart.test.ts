import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxAge } from '../../src/dpop/claims.ts'
import type { Proofs, ProofsOptions } from '../../src/dpop/proofs.ts'
import { createProofs } from '../../src/dpop/proofs.ts'
import { createReplayMemory, useOf } from '../../src/dpop/replay.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { ProofParts } from '../helpers/proofs.ts'
import { proof } from '../helpers/proofs.ts'
import { carrying, gistOf, key, start, token, url } from './asking.ts'

const hour = 3_600_000

/** A gate that can be restarted; its clock is half a second past a whole one. */
function createHost(options: Partial<ProofsOptions> = {}): {
  clock: FakeClock
  start: () => Proofs
  make: (parts?: Partial<ProofParts>) => string
} {
  const clock = createFakeClock(start + 500)
  return {
    clock,
    start: () => createProofs({ clock, now: clock.now, ...options }),
    make: (parts) => proof({ key, url, token, now: clock.now(), ...parts }),
  }
}

const ask = (proofs: Proofs, one: string): string => gistOf(proofs.check(carrying(one)))

describe('after a restart', () => {
  it.each([0, 1, 499, 20_000, 59_000])('a proof used before is not taken, %i ms later', (later) => {
    const host = createHost()
    const before = host.start()
    host.clock.advance(5_000)
    const one = host.make()
    expect(ask(before, one)).toBe('allow')
    host.clock.advance(later)
    const after = host.start()
    for (let i = 0; i < 3; i++) {
      expect(ask(after, one)).toBe('proof_before_start')
      host.clock.advance(100)
    }
    expect(after.size()).toBe(0)
  })

  it('nobody can tell of a proof that was made before, and one made after it is taken', () => {
    const host = createHost()
    const made = host.make()
    const proofs = host.start()
    const answer = proofs.check(carrying(made))
    expect(answer).toEqual({ outcome: 'unknown', reason: 'proof_before_start', retryAfter: 1 })
    host.clock.advance(1_000)
    expect(ask(proofs, made)).toBe('proof_before_start')
    expect(ask(proofs, host.make())).toBe('allow')
  })

  it.each([1, 2, 10, 30, 55])(
    'a client whose clock is %i s behind waits for as long and a second at most',
    (behind) => {
      const host = createHost()
      const proofs = host.start()
      const late = (): string => host.make({ now: host.clock.now() - behind * 1000 })
      const answer = proofs.check(carrying(late()))
      expect(answer).toMatchObject({ reason: 'proof_before_start', retryAfter: behind + 1 })
      host.clock.advance(behind * 1000 - 1)
      expect(ask(proofs, late())).toBe('proof_before_start')
      host.clock.advance(1_001)
      expect(ask(proofs, late())).toBe('allow')
    },
  )

  it('everything in the window is taken once the window lies behind the start', () => {
    const host = createHost()
    const proofs = host.start()
    host.clock.advance(maxAge + 1)
    for (let age = 0; age <= maxAge; age += 500) {
      const iat = (host.clock.now() - age) / 1000
      expect(ask(proofs, host.make({ claims: { iat } }))).toBe('allow')
    }
  })

  it('what else is wrong with a proof is said first, its signature left alone', () => {
    const host = createHost()
    const one = host.make()
    const proofs = host.start()
    expect(ask(proofs, host.make({ method: 'POST' }))).toBe('htm_mismatch')
    expect(ask(proofs, `${one.slice(0, one.lastIndexOf('.'))}.AAAA`)).toBe('proof_before_start')
  })
})

describe('a clock that is set about a restart', () => {
  it('back revives no proof that was used in the minute before', () => {
    const host = createHost()
    const before = host.start()
    host.clock.advance(hour)
    const one = host.make()
    expect(ask(before, one)).toBe('allow')
    host.clock.advance(10_000)
    const after = host.start()
    for (const by of [5_000, 10_000, 30_000, 20_000]) {
      host.clock.advance(by)
      host.clock.step(-by - 1_000)
      expect(ask(after, one)).toBe('proof_before_start')
      host.clock.step(1_000)
    }
    host.clock.advance(hour)
    host.clock.step(-hour)
    expect(ask(after, one)).toBe('proof_before_start')
  })

  it('right, once the server has told the time, lets no proof of before pass', () => {
    // The machine's own clock is behind; the server's time is made up for later on.
    const host = createHost()
    let behind = 100_000
    const now = (): number => host.clock.now() - behind
    const one = host.make()
    const proofs = createProofs({ clock: host.clock, now })
    host.clock.advance(2_000)
    behind = 0
    expect(ask(proofs, one)).toBe('proof_before_start')
    expect(ask(proofs, host.make())).toBe('allow')
  })

  it('right, after it was an hour ahead at the start, locks nobody out for long', () => {
    const host = createHost()
    host.clock.step(hour)
    const proofs = host.start()
    host.clock.step(-hour)
    host.clock.advance(1_000)
    expect(ask(proofs, host.make())).toBe('allow')
  })

  it('ahead, much later, locks nobody out', () => {
    const host = createHost()
    const proofs = host.start()
    host.clock.advance(hour)
    host.clock.step(hour)
    expect(ask(proofs, host.make())).toBe('allow')
    host.clock.step(-hour)
    expect(ask(proofs, host.make())).toBe('allow')
  })
})

describe('where nonces are asked for', () => {
  it('one of this process tells that its proof was not used before', () => {
    const host = createHost({ nonce: {} })
    const proofs = host.start()
    const nonce = String(proofs.nonce())
    expect(ask(proofs, host.make({ nonce }))).toBe('allow')
    const late = { nonce, now: host.clock.now() - 50_000 }
    expect(ask(proofs, host.make(late))).toBe('allow')
    expect(ask(host.start(), host.make({ nonce }))).toBe('dpop_nonce_required nonce')
  })

  it('one that other processes know as well does not', () => {
    const host = createHost({ nonce: { secret: 'a secret that replicas share' } })
    const before = host.start()
    host.clock.advance(1_000)
    const one = host.make({ nonce: String(before.nonce()) })
    expect(ask(before, one)).toBe('allow')
    expect(ask(host.start(), one)).toBe('proof_before_start')
  })
})

describe('whenever it is restarted', () => {
  it('no proof of a client whose clock is not ahead passes twice', () => {
    const move = fc.oneof(
      fc.record({ does: fc.constant('wait' as const), by: fc.nat(20_000) }),
      fc.record({ does: fc.constant('restart' as const) }),
      fc.record({ does: fc.constant('use' as const), behind: fc.nat(maxAge) }),
      fc.record({ does: fc.constant('again' as const), which: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80, size: 'max' }), (moves) => {
        const clock = createFakeClock(start)
        const begin = () => createReplayMemory({ clock, now: clock.now, limit: 1_000 })
        let memory = begin()
        const made: ReturnType<typeof useOf>[] = []
        const passed = new Set<string>()
        const use = (one: ReturnType<typeof useOf> | undefined): void => {
          if (one === undefined || clock.now() - one.issuedAt * 1000 > maxAge) return
          if (memory.look(one) !== 'new') return
          memory.remember(one)
          expect(passed).not.toContain(one.id)
          passed.add(one.id)
        }
        for (const one of moves) {
          if (one.does === 'wait') clock.advance(one.by)
          if (one.does === 'restart') memory = begin()
          if (one.does === 'again') use(made[one.which % made.length])
          if (one.does !== 'use') continue
          made.push(useOf('holder', `${made.length}`, (clock.now() - one.behind) / 1000))
          use(made.at(-1))
        }
      }),
      { numRuns: 500 },
    )
  })
})
