import { describe, expect, it } from 'vitest'
import { createProofs } from '../../src/dpop/proofs.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { createAsking, gistOf, start } from './asking.ts'

const minute = 60_000

describe('where nonces are asked for', () => {
  it('a proof without one is refused, and told the next one to use (RFC 9449 §9)', () => {
    const { make, check, proofs } = createAsking({ nonce: {} })
    const refusal = check(make())
    expect(refusal).toMatchObject({
      status: 401,
      code: 'use_dpop_nonce',
      reason: 'dpop_nonce_required',
      dpop: true,
    })
    const nonce = 'nonce' in refusal ? String(refusal.nonce) : ''
    // RFC 9449 §8.1: NQCHAR.
    expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{22,}$/)
    expect(nonce).toBe(proofs.nonce())
    expect(gistOf(check(make({ nonce })))).toBe('allow')
  })

  it('the refusal uses no jti up', () => {
    const { make, check, proofs } = createAsking({ nonce: {} })
    expect(gistOf(check(make({ jti: 'one' })))).toBe('dpop_nonce_required nonce')
    expect(proofs.size()).toBe(0)
    expect(gistOf(check(make({ jti: 'one', nonce: String(proofs.nonce()) })))).toBe('allow')
  })

  it('one is good until the minute after its own is over', () => {
    const { make, check, proofs, clock } = createAsking({ nonce: {} })
    clock.advance(minute - (start % minute))
    const nonce = String(proofs.nonce())
    clock.advance(minute - 1)
    expect(proofs.nonce()).toBe(nonce)
    clock.advance(1)
    expect(proofs.nonce()).not.toBe(nonce)
    clock.advance(minute - 1)
    expect(gistOf(check(make({ nonce })))).toBe('allow')
    clock.advance(1)
    const refusal = check(make({ nonce }))
    expect(gistOf(refusal)).toBe('dpop_nonce_required nonce')
    expect(refusal).toMatchObject({ nonce: proofs.nonce() })
  })

  it('one of a minute to come is good to nobody yet', () => {
    const { make, check, proofs, clock } = createAsking({ nonce: { secret: 'shared'.repeat(6) } })
    clock.step(minute)
    const nonce = String(proofs.nonce())
    clock.step(-minute)
    expect(gistOf(check(make({ nonce })))).toBe('dpop_nonce_required nonce')
  })

  it.each([['guess'], [''], [7], [null], [['a']], [{}]])('%j is none', (nonce) => {
    const { make, check } = createAsking({ nonce: {} })
    expect(gistOf(check(make({ claims: { nonce } })))).toBe('dpop_nonce_required nonce')
  })

  it('one with a character changed, cut or added is none', () => {
    const { make, check, proofs } = createAsking({ nonce: {} })
    const nonce = String(proofs.nonce())
    const changed = (nonce.startsWith('A') ? 'B' : 'A') + nonce.slice(1)
    for (const forged of [changed, nonce.slice(0, -1), `${nonce}A`]) {
      expect(gistOf(check(make({ nonce: forged })))).toBe('dpop_nonce_required nonce')
    }
  })

  it('replicas with one secret know the nonces of each other, and of nobody else', () => {
    const secret = 'a secret that replicas share'
    const [one, two] = [createAsking({ nonce: { secret } }), createAsking({ nonce: { secret } })]
    const stranger = createAsking({ nonce: { secret: `${secret}.` } })
    const random = createAsking({ nonce: {} })
    const nonce = String(one.proofs.nonce())
    expect(gistOf(two.check(two.make({ nonce })))).toBe('allow')
    for (const { check, make } of [stranger, random]) {
      expect(gistOf(check(make({ nonce })))).toBe('dpop_nonce_required nonce')
    }
  })

  it('a gate without a secret of the operator makes up its own', () => {
    const nonces = [1, 2, 3].map(() => createAsking({ nonce: {} }).proofs.nonce())
    expect(new Set(nonces).size).toBe(3)
  })

  it('everything else about the proof is looked at first', () => {
    const { make, check } = createAsking({ nonce: {} })
    expect(gistOf(check(make({ method: 'POST' })))).toBe('htm_mismatch')
    expect(gistOf(check(make({ claims: { jti: '' } })))).toBe('invalid_dpop_proof jti')
  })

  it('an empty secret is refused at the start', () => {
    const clock = createFakeClock()
    const options = { clock, now: clock.now, nonce: { secret: '' } }
    expect(() => createProofs(options)).toThrow('"nonce.secret" option')
  })
})

describe('where no nonces are asked for', () => {
  it('none is handed out, and whatever a proof says is let be', () => {
    const { make, check, proofs } = createAsking()
    expect(proofs.nonce()).toBeUndefined()
    expect(gistOf(check(make({ claims: { nonce: 7 } })))).toBe('allow')
  })
})
