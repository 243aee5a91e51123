import { isTrusted, type TrustLevel } from '../identity/trust.ts'
import type { Deny, Identity } from '../verdict.ts'
import { refuse } from '../verdict.ts'
import type { SubjectPattern } from './subject.ts'

/** What a place asks of a caller beyond a good token. What is undefined is not asked for. */
export interface Requirements {
  /** `account/project`; one of them must be the caller's. */
  readonly tenants?: readonly string[] | undefined
  /** One of them must be in `aud`. */
  readonly audiences?: readonly string[] | undefined
  /** One of them must be the type of the party that acts. */
  readonly identityTypes?: readonly string[] | undefined
  /** One of them must be the subject's `sub_type`. */
  readonly subTypes?: readonly string[] | undefined
  /** Hops of delegation at most; 0: none. */
  readonly maxDepth?: number | undefined
  /** Every party that is told, the current actor too, must match one of them. */
  readonly actors?: readonly SubjectPattern[] | undefined
  /** The least level of the party that acts. */
  readonly trust?: TrustLevel | undefined
  /** `allowed_tools` must name all of them. */
  readonly tools?: readonly string[] | undefined
  readonly scopes?:
    | {
        /** Every one of them. */
        readonly all?: readonly string[] | undefined
        /** At least one of them. */
        readonly any?: readonly string[] | undefined
      }
    | undefined
}

/**
 * What is judged of a caller. Identities that were read from a proxy's headers lack the optional
 * members; where one of those is asked for, such a caller is refused.
 */
export type Judged = Pick<
  Identity,
  | 'accountId'
  | 'projectId'
  | 'identityType'
  | 'trustLevel'
  | 'actor'
  | 'actors'
  | 'delegationDepth'
  | 'scopes'
  | 'tools'
> & { readonly [Name in 'subType' | 'audiences']?: Identity[Name] | undefined }

/**
 * Whether a caller with a good token has what a place asks for: the one evaluator for policies and
 * for the guards of the adapters. The first thing that is missing decides, in the order of the
 * members of {@link Requirements}: what he is, then what he was granted.
 *
 * @param requirements of the place
 * @param identity the caller
 * @returns the 403, without the identity; undefined where he may pass. `insufficient_scope` names
 *   the scopes that, granted, let exactly this pass (RFC 6750 §3.1)
 */
export function evaluate(requirements: Requirements, identity: Judged): Deny | undefined {
  return refusalOfKind(requirements, identity) ?? refusalOfGrant(requirements, identity)
}

/** What the caller is: nothing that could be granted. */
function refusalOfKind(
  { tenants, audiences, identityTypes, subTypes, maxDepth, actors }: Requirements,
  identity: Judged,
): Deny | undefined {
  if (tenants && !tenants.includes(`${identity.accountId}/${identity.projectId}`)) {
    return refuse('tenant_not_allowed')
  }
  if (audiences && !audiences.some((it) => identity.audiences?.includes(it))) {
    return refuse('audience_not_allowed')
  }
  if (identityTypes && !isAmong(identity.identityType, identityTypes)) {
    return refuse('identity_type_not_allowed')
  }
  if (subTypes && !isAmong(identity.subType, subTypes)) return refuse('sub_type_not_allowed')
  if (maxDepth !== undefined && !(depthOf(identity) <= maxDepth)) {
    return refuse('delegation_too_deep')
  }
  return actors && !areAllowed(actors, identity) ? refuse('actor_not_allowed') : undefined
}

function refusalOfGrant(
  { trust, tools, scopes }: Requirements,
  identity: Judged,
): Deny | undefined {
  if (trust !== undefined && !isTrusted(identity.trustLevel, trust)) {
    return refuse('insufficient_trust', { trustLevel: trust })
  }
  if (tools && !tools.every((tool) => identity.tools.includes(tool))) {
    return refuse('tool_not_allowed')
  }
  return scopes && refusalOfScopes(scopes, identity.scopes)
}

function refusalOfScopes(
  { all, any }: NonNullable<Requirements['scopes']>,
  granted: readonly string[],
): Deny | undefined {
  const lacking = all === undefined || holdsAll(granted, all) ? undefined : missing(granted, all)
  if (any === undefined || any.some((it) => granted.includes(it) || lacking?.includes(it))) {
    return lacking && refuse('insufficient_scope', { scopes: lacking })
  }
  const least = any.slice(0, 1)
  return refuse('insufficient_scope', { scopes: lacking ? [...lacking, ...least] : least })
}

function holdsAll(granted: readonly string[], required: readonly string[]): boolean {
  for (const scope of required) if (!granted.includes(scope)) return false
  return true
}

function missing(granted: readonly string[], required: readonly string[]): readonly string[] {
  return [...new Set(required.filter((scope) => !granted.includes(scope)))]
}

function isAmong(value: string | undefined, allowed: readonly string[]): boolean {
  return value !== undefined && allowed.includes(value)
}

/** The claim counts hops; a chain that names more parties than that is believed instead. */
function depthOf({ delegationDepth, actors }: Judged): number {
  return Math.max(delegationDepth, actors.length)
}

function areAllowed(patterns: readonly SubjectPattern[], { actor, actors }: Judged): boolean {
  const isAllowed = (subject: string): boolean => patterns.some((it) => it.matches(subject))
  return isAllowed(actor) && actors.every(({ subject }) => isAllowed(subject))
}
