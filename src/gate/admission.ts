import { mintEvidence } from '../revocation/decide.ts'
import type { Bounds, Present } from '../revocation/facts.ts'
import type { Feeds } from '../revocation/feeds.ts'
import { lineageOf } from '../revocation/lineage.ts'
import type { Claims } from '../token/claims.ts'
import { identityOf } from '../token/identity.ts'
import type { Issuer } from '../token/issuer.ts'
import type { Keys } from '../token/keys.ts'
import { createSharedStrings } from '../token/sharing.ts'
import { verifyToken } from '../token/verify.ts'
import type { Deny, Unknown } from '../verdict.ts'
import { deny, unknown } from '../verdict.ts'
import type { Memory, Remembered } from './memory.ts'

/** What admitting a token needs. */
export interface AdmissionParts {
  readonly issuer: Issuer
  readonly keys: Keys
  readonly feeds: Feeds
  readonly memory: Memory
  readonly bounds: Bounds
  readonly audiences: readonly string[]
  readonly present: () => Present
}

/** Verifies tokens that are not remembered, and those whose key may have been withdrawn. */
export interface Admission {
  /** Concurrent requests with one token share one verification. */
  admit(digest: string, token: string): Promise<Remembered | Deny | Unknown>
  /** Nothing where the signature of a remembered token holds under the present keys. */
  confirm(known: Remembered, digest: string, token: string): Promise<Deny | Unknown | undefined>
}

/**
 * The way from an unknown token to a remembered one. Only a token whose signature held gets in, so
 * that strangers cannot fill the memory.
 *
 * @param parts keys, feeds, memory and bounds
 */
export function createAdmission(parts: AdmissionParts): Admission {
  const { issuer, keys, feeds, memory, bounds, audiences, present } = parts
  const strings = createSharedStrings()
  const underWay = new Map<string, Promise<Remembered | Deny | Unknown>>()

  async function verify(digest: string, token: string): Promise<Remembered | Deny | Unknown> {
    const expected = issuer.value()
    if (expected === undefined) return unknown('issuer_not_discovered', 1)
    const generation = keys.generation()
    const verified = await verifyToken(token, keys, { issuer: expected, audiences })
    if ('outcome' in verified) return verified
    const earlier = memory.get(digest)
    if (earlier !== undefined) {
      earlier.generation = generation
      return earlier
    }
    const claims = strings.share(verified)
    const identity = identityOf(claims)
    if (!feeds.admits(claims)) return deny('tenant_refused', undefined, identity)
    feeds.sawLifetime((claims.expiresAt - claims.issuedAt) * 1000)
    const judged = judgedPart(claims, claims.issuedAt <= memory.forgottenUntil())
    const feed = feeds.follow(claims)
    const evidence = judged.forgotten
      ? undefined
      : mintEvidence(judged, feed?.knowledge, present(), bounds)
    const remembered = {
      judged,
      identity,
      feed,
      evidence,
      allow: undefined,
      allowBySignals: undefined,
      renewing: false,
      generation,
    }
    memory.set(digest, remembered)
    return remembered
  }

  function admit(digest: string, token: string): Promise<Remembered | Deny | Unknown> {
    const started = underWay.get(digest)
    if (started !== undefined) return started
    const verification = verify(digest, token).finally(() => underWay.delete(digest))
    underWay.set(digest, verification)
    return verification
  }

  return {
    admit,
    async confirm(known, digest, token) {
      if (known.generation === keys.generation()) return undefined
      const admitted = await admit(digest, token)
      if ('outcome' in admitted) return admitted
      known.generation = admitted.generation
      return undefined
    },
  }
}

function judgedPart(claims: Claims, forgotten: boolean): Remembered['judged'] {
  return {
    issuedAt: claims.issuedAt,
    expiresAt: claims.expiresAt,
    notBefore: claims.notBefore,
    missionId: claims.missionId,
    lineage: lineageOf(claims),
    inactive: false,
    forgotten,
  }
}
