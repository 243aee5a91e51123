import type { Claims } from './claims.ts'

/** Makes equal strings the same string, so that a hundred thousand tokens hold each name once. */
export interface SharedStrings {
  /** The claims with their recurring strings shared; `jti` recurs nowhere. */
  share(claims: Claims): Claims
}

/** Strings held at most; then the collection begins anew, and what was shared stays so. */
const most = 8_192
/** Longer strings are not worth holding. */
const longest = 256

/** @returns an empty collection; only claims of verified tokens may go in */
export function createSharedStrings(): SharedStrings {
  const strings = new Map<string, string>()
  const lists = new Map<string, readonly string[]>()
  const singles = new Map<string, readonly string[]>()

  function text<T extends string | undefined>(value: T): T {
    if (value === undefined || value.length > longest) return value
    const held = strings.get(value)
    if (held !== undefined) return held as T
    if (strings.size >= most) strings.clear()
    strings.set(value, value)
    return value
  }

  /** A scope has no blank, so that a joined list stands for one list alone. */
  function list(values: readonly string[]): readonly string[] {
    const key = values.join(' ')
    if (key.length > longest) return values
    const held = lists.get(key)
    if (held !== undefined) return held
    if (lists.size >= most) lists.clear()
    lists.set(key, values)
    return values
  }

  /** Nearly every token is for one audience. */
  function single(values: readonly string[]): readonly string[] {
    const [value] = values
    if (value === undefined || values.length > 1 || value.length > longest) return values
    const held = singles.get(value)
    if (held !== undefined) return held
    if (singles.size >= most) singles.clear()
    singles.set(value, values)
    return values
  }

  return {
    share: (claims) => ({
      ...claims,
      subject: text(claims.subject),
      accountId: text(claims.accountId),
      projectId: text(claims.projectId),
      grantType: text(claims.grantType),
      identityType: text(claims.identityType),
      trustLevel: text(claims.trustLevel),
      externalId: text(claims.externalId),
      owner: text(claims.owner),
      principalType: text(claims.principalType),
      // The root of a mission is its own mission.
      missionId: claims.missionId === claims.tokenId ? claims.tokenId : text(claims.missionId),
      subType: text(claims.subType),
      audiences: single(claims.audiences),
      keyThumbprint: text(claims.keyThumbprint),
      scopes: list(claims.scopes),
      actors: claims.actors.map(({ subject, identityType, trustLevel, externalId }) => ({
        subject: text(subject),
        identityType: text(identityType),
        trustLevel: text(trustLevel),
        externalId: text(externalId),
      })),
    }),
  }
}
