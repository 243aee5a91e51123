import { AccessError } from '../errors.ts'
import type { Actor, Identity } from '../verdict.ts'
import type { TrustLevel } from './trust.ts'
import { isTrusted } from './trust.ts'

/** What a proxy's headers tell of an identity: all but what only the token itself says. */
export type ForwardedClaims = Omit<
  Identity,
  'grantType' | 'issuedAt' | 'expiresAt' | 'subType' | 'audiences' | 'keyThumbprint'
>

/**
 * Who sends a request, in the words of ZeroID's SDK. Call its methods on it: taken off it they do
 * not compile, and throw.
 */
export interface Agent<C extends ForwardedClaims = Identity> {
  /** What was read from the verified token: a closed list, frozen, without the token itself. */
  readonly claims: C
  /** `sub`: a WIMSE URI, or the principal under the rfc8693 profile. */
  readonly subject: string
  /** Who is responsible for the agent: `owner_user_id`. */
  readonly owner: string | undefined
  readonly scopes: readonly string[]
  /** Of the party that acts, as are `identityType` and `externalId`. */
  readonly trustLevel: string | undefined
  readonly identityType: string | undefined
  readonly externalId: string | undefined
  readonly delegationDepth: number
  /** Whether somebody acts for somebody else. The creator of an API key does not count. */
  readonly isDelegated: boolean
  /** The party that sends the request: the outermost `act` under rfc8693, else the subject. */
  readonly currentActor: Actor
  /** Who delegated, the nearest first; under the legacy profile the parent alone is known. */
  readonly priorActors: readonly Actor[]
  /** The user on whose behalf this happens; undefined where no user is named. */
  readonly human: string | undefined
  hasScope(this: Agent<ForwardedClaims>, scope: string): boolean
  /** Whether `allowed_tools` names the tool; without that claim no tool is allowed. */
  hasTool(this: Agent<ForwardedClaims>, tool: string): boolean
  hasTrust(this: Agent<ForwardedClaims>, least: TrustLevel): boolean
  /** @throws AccessError `insufficient_scope` unless every scope was granted */
  requireScope(this: Agent<ForwardedClaims>, scope: string, ...more: string[]): void
  /** @throws AccessError `insufficient_trust` for a lower level, or one that is not known */
  requireTrust(this: Agent<ForwardedClaims>, least: TrustLevel): void
}

/** The sender of a request that the gate itself let in. */
export interface AgentIdentity extends Agent {
  /**
   * Aborted with an `AccessError` the moment a new request with this token would be refused for
   * good: at once where a signal revokes it or the server calls it inactive, `clockSkew` after its
   * `exp`, and where nobody could tell for the staleness that its route allows. Lives as long as
   * the answer is open. Made when it is first read: what does not stream pays nothing for it.
   */
  readonly signal: AbortSignal
}

/** Shared by all, so that a request costs one small object. */
const shape = {
  claims: undefined as unknown as ForwardedClaims,
  get subject(): string {
    return this.claims.subject
  },
  get owner(): string | undefined {
    return this.claims.owner
  },
  get scopes(): readonly string[] {
    return this.claims.scopes
  },
  get trustLevel(): string | undefined {
    return this.claims.trustLevel
  },
  get identityType(): string | undefined {
    return this.claims.identityType
  },
  get externalId(): string | undefined {
    return this.claims.externalId
  },
  get delegationDepth(): number {
    return this.claims.delegationDepth
  },
  get isDelegated(): boolean {
    return this.claims.delegationDepth > 0 || this.claims.actors.length > 0
  },
  get currentActor(): Actor {
    const { profile, actors, actor, identityType, trustLevel, externalId } = this.claims
    const current = profile === 'rfc8693' ? actors[0] : undefined
    return current ?? { subject: actor, identityType, trustLevel, externalId }
  },
  get priorActors(): readonly Actor[] {
    const { profile, actors } = this.claims
    return profile === 'rfc8693' ? actors.slice(1) : actors
  },
  get human(): string | undefined {
    const { profile, principalType, subject, actors } = this.claims
    if (profile === 'rfc8693') return principalType === 'user' ? subject : undefined
    return [subject, ...actors.map((actor) => actor.subject)].find((name) => !isWorkload(name))
  },
  hasScope(scope: string): boolean {
    return this.claims.scopes.includes(scope)
  },
  hasTool(tool: string): boolean {
    return this.claims.tools.includes(tool)
  },
  hasTrust(least: TrustLevel): boolean {
    return isTrusted(this.claims.trustLevel, least)
  },
  requireScope(...scopes: string[]): void {
    const missing = scopes.filter((scope) => !this.claims.scopes.includes(scope))
    if (scopes.length > 0 && missing.length === 0) return
    throw new AccessError('insufficient_scope', `a scope is missing: ${missing.join(' ')}`)
  },
  requireTrust(least: TrustLevel): void {
    if (isTrusted(this.claims.trustLevel, least)) return
    throw new AccessError('insufficient_trust', `a trust level of at least ${least} is required`)
  },
  /** Logs and answers that are made of it show the claims. */
  toJSON(): ForwardedClaims {
    return this.claims
  },
}

/**
 * A class for its private members: whoever prints an agent must not see what stands behind it, which
 * knows the request and its token.
 */
class Watched<T> {
  readonly claims: Identity
  readonly #of: T
  readonly #signalOf: (of: T) => AbortSignal

  constructor(claims: Identity, of: T, signalOf: (of: T) => AbortSignal) {
    this.claims = claims
    this.#of = of
    this.#signalOf = signalOf
  }

  get signal(): AbortSignal {
    return this.#signalOf(this.#of)
  }
}
Object.setPrototypeOf(Watched.prototype, shape)

function isWorkload(subject: string): boolean {
  return subject.startsWith('spiffe://')
}

/**
 * The sender of a request that was let in.
 *
 * @param claims of its token
 * @param of what the signal is about
 * @param signalOf gives the signal; called whenever it is read
 */
export function createAgent<T>(
  claims: Identity,
  of: T,
  signalOf: (of: T) => AbortSignal,
): AgentIdentity {
  return new Watched(claims, of, signalOf) as unknown as AgentIdentity
}

/**
 * The sender of a request as a trusted proxy describes it.
 *
 * @param claims from the proxy's headers
 */
export function describeAgent(claims: ForwardedClaims): Agent<ForwardedClaims> {
  const agent = Object.create(shape)
  agent.claims = claims
  return agent
}
