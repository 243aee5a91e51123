/** ZeroID's trust levels, lowest first. */
export const trustLevels = ['unverified', 'verified_third_party', 'first_party'] as const

/** How far ZeroID vouches for an identity. */
export type TrustLevel = (typeof trustLevels)[number]

/**
 * Whether a trust level is at least another. One that nobody knows is below all of them.
 *
 * @param actual as the token has it
 * @param least what is asked for
 */
export function isTrusted(actual: string | undefined, least: TrustLevel): boolean {
  const required = trustLevels.indexOf(least)
  return required !== -1 && trustLevels.indexOf(actual as TrustLevel) >= required
}
