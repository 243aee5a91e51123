import { createPublicKey, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readProofKey } from '../../src/dpop/jwk.ts'
import { createKeyImport } from '../../src/dpop/keys.ts'
import { makeProofKey } from '../helpers/proofs.ts'

describe('the keys of proofs', () => {
  it('are imported once, each by itself', () => {
    const importKey = createKeyImport()
    const [one, other] = [makeProofKey(), makeProofKey()].map((key) => {
      const read = readProofKey(key.jwk, key.alg)
      if (read === undefined) throw new Error('no key')
      return { read, key }
    })
    if (one === undefined || other === undefined) throw new Error('no keys')
    const imported = importKey(one.read)
    expect(importKey(one.read)).toBe(imported)
    expect(importKey(other.read)?.equals(other.key.publicKey)).toBe(true)
    expect(importKey(one.read)?.equals(one.key.publicKey)).toBe(true)
  })

  it('would let anybody sign where their order is small: OpenSSL takes such a key', () => {
    const x = Buffer.alloc(32).toString('base64url')
    const jwk = { kty: 'OKP', crv: 'Ed25519', x }
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const held = Array.from({ length: 100 }, (_, i) =>
      verify(null, Buffer.from(`message ${i}`), key, Buffer.alloc(64)),
    )
    expect(held).toContain(true)
    expect(readProofKey(jwk, 'EdDSA')).toBeUndefined()
  })
})
