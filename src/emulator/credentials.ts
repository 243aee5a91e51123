import type { Credential } from './types.ts'

/** The issued credentials and their delegation tree. */
export interface Credentials {
  add(credential: Credential): void
  get(jti: string): Credential | undefined
  /** Revokes a credential and everything delegated from it. Gives how many it revoked. */
  revoke(jti: string): number
  /** Revokes the identity's credentials and everything delegated from them. */
  revokeIdentity(identityId: string): number
  readonly size: number
}

/** Makes an empty set of credentials. Adding and finding one costs the same at any size. */
export function createCredentials(): Credentials {
  const byJti = new Map<string, Credential>()
  const children = new Map<string, Credential[]>()
  const live = new Map<string, Credential[]>()

  function push(map: Map<string, Credential[]>, key: string, credential: Credential): void {
    const list = map.get(key)
    if (list === undefined) map.set(key, [credential])
    else list.push(credential)
  }

  function revokeTrees(roots: readonly Credential[]): number {
    const pending = [...roots]
    let count = 0
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (!next.revoked) count += 1
      next.revoked = true
      for (const child of children.get(next.jti) ?? []) pending.push(child)
      // A revoked credential is never delegated from again.
      children.delete(next.jti)
    }
    return count
  }

  return {
    add(credential) {
      byJti.set(credential.jti, credential)
      push(live, credential.identityId, credential)
      if (credential.parent !== undefined) push(children, credential.parent, credential)
    },
    get: (jti) => byJti.get(jti),
    revoke(jti) {
      const credential = byJti.get(jti)
      return credential === undefined ? 0 : revokeTrees([credential])
    },
    revokeIdentity(identityId) {
      const roots = live.get(identityId) ?? []
      live.delete(identityId)
      return revokeTrees(roots)
    },
    get size() {
      return byJti.size
    },
  }
}
