import type { JsonWebKey, KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ProofKey } from './jwk.ts'

/** Most keys that are kept imported; a client makes all its proofs with one. */
const maxKeys = 1_000

/** Imports a key, or finds it imported; undefined where there is no such key. */
export type KeyImport = (key: ProofKey) => KeyObject | undefined

/** Keeps the keys that were used lately: importing one costs as much as half a signature check. */
export function createKeyImport(): KeyImport {
  const imported = new LRUCache<string, KeyObject>({ max: maxKeys })
  return function importKey({ thumbprint, material }) {
    const known = imported.get(thumbprint)
    if (known !== undefined) return known
    const key = tryImport(material)
    if (key !== undefined) imported.set(thumbprint, key)
    return key
  }
}

/** A point that is not on its curve is refused here (RFC 8725 §3.4). */
function tryImport(material: ProofKey['material']): KeyObject | undefined {
  try {
    return createPublicKey({ key: material as JsonWebKey, format: 'jwk' })
  } catch {
    return undefined
  }
}
