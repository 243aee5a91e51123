import type { Route } from '../../policy/policy.ts'
import type { Deny, DenyReason, Identity } from '../../verdict.ts'
import { quote } from './peek.ts'

/** What a route asked for, and what the caller has of it. */
interface Asked {
  readonly asks: unknown
  readonly has: unknown
}

const askedBy: Partial<Record<DenyReason, (route: Route, identity: Identity) => Asked>> = {
  tenant_not_allowed: ({ requirements }, { accountId, projectId }) => ({
    asks: requirements.tenants,
    has: `${accountId}/${projectId}`,
  }),
  audience_not_allowed: ({ requirements }, { audiences }) => ({
    asks: requirements.audiences,
    has: audiences,
  }),
  identity_type_not_allowed: ({ requirements }, { identityType }) => ({
    asks: requirements.identityTypes,
    has: identityType,
  }),
  sub_type_not_allowed: ({ requirements }, { subType }) => ({
    asks: requirements.subTypes,
    has: subType,
  }),
  delegation_too_deep: ({ requirements }, { delegationDepth, actors }) => ({
    asks: requirements.maxDepth,
    has: Math.max(delegationDepth, actors.length),
  }),
  actor_not_allowed: ({ requirements }, { actor, actors }) => ({
    asks: requirements.actors?.map(({ text }) => text),
    has: [actor, ...actors.map(({ subject }) => subject)],
  }),
  insufficient_trust: ({ requirements }, { trustLevel }) => ({
    asks: requirements.trust,
    has: trustLevel,
  }),
  tool_not_allowed: ({ requirements }, { tools }) => ({ asks: requirements.tools, has: tools }),
  insufficient_scope: ({ requirements }, { scopes }) => ({
    asks: requirements.scopes,
    has: scopes,
  }),
}

/**
 * What a route asked for and the caller lacks, in one clause.
 *
 * @param route that refused
 * @param refusal its own
 */
export function askedOf(route: Route, { reason, identity, scopes }: Deny): string {
  const asked = identity && askedBy[reason]?.(route, identity)
  if (asked === undefined) return `route ${route.name}`
  const missing = scopes === undefined ? '' : `, granting ${scopes.join(' ')} would do`
  return `route ${route.name} asks for ${quote(asked.asks)}, the token has ${quote(asked.has)}${missing}`
}
