/** The claims that tell whose revocation kills a token. */
export interface LineageClaims {
  readonly subject: string
  readonly grantType: string
  readonly profile: 'legacy' | 'rfc8693'
  readonly principalType: string | undefined
  readonly actors: readonly { readonly subject: string }[]
  readonly delegationDepth: number
}

/** Whose revocation kills a token, as far as the token tells. */
export interface Lineage {
  /** A mark on any of these is a mark on the token. */
  readonly names: readonly string[]
  /**
   * Whether `names` is everybody the token descends from. Where not, any revoking signal in the
   * tenant may concern it, and the server must be asked.
   */
  readonly complete: boolean
}

/**
 * Reads the lineage of a token in either profile.
 *
 * Legacy: `act` names the delegating parent only, so from the second delegation on somebody is
 * missing; on an API key's token it names the key's creator, whose revocation is not the token's.
 * rfc8693: `act` nests everybody who acts, and `sub` is the principal.
 *
 * @param claims of a verified token
 */
export function lineageOf(claims: LineageClaims): Lineage {
  const acting = claims.actors.map((actor) => actor.subject)
  const principal = isWimseUri(claims.subject) || claims.principalType === 'user'
  if (claims.profile === 'legacy' && claims.grantType === 'api_key') {
    return {
      names: [claims.subject],
      complete: principal && claims.delegationDepth === 0 && !acting.some(isWimseUri),
    }
  }
  return {
    names: [claims.subject, ...acting],
    complete: principal && acting.every(isWimseUri) && acting.length >= claims.delegationDepth,
  }
}

function isWimseUri(subject: string): boolean {
  return subject.startsWith('spiffe://')
}
