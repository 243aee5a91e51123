import { hostPattern } from './host.ts'
import { pathPattern } from './pattern.ts'
import type { Position, RequireDocument, Route, RouteDocument } from './policy.ts'
import type { Requirements } from './requirements.ts'
import { stalenessOf } from './schema.ts'
import { subjectPattern } from './subject.ts'

/**
 * Makes a route of its document, which has been checked.
 *
 * @param document of the route
 * @param place counted from 1
 * @param position where it stands
 */
export function createRoute(
  document: RouteDocument,
  place: number,
  position: Position | undefined,
): Route {
  const { name = `#${place}`, match, allow, require, freshness, shadow = false } = document
  return {
    name,
    place,
    position,
    when: {
      path: pathPattern(match.path),
      host: match.host === undefined ? undefined : hostPattern(match.host),
      scheme: match.scheme,
      methods: match.methods && withHead(match.methods),
    },
    allow: allow === 'anonymous' ? 'anonymous' : 'token',
    preflight: allow === 'preflight',
    requirements: requirementsOf(require),
    dpop: require?.dpop ?? 'if_bound',
    freshness: {
      maxStaleness:
        freshness?.max_staleness === undefined ? undefined : stalenessOf(freshness.max_staleness),
      mode: freshness?.mode,
      onUnknown: freshness?.on_unknown,
    },
    shadow,
  }
}

/** A backend answers HEAD with its handler for GET: with other rules it would be a way around. */
function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods
}

/** One shape for all routes, so that evaluating them stays cheap. */
function requirementsOf(require: RequireDocument = {}): Requirements {
  const { audience, delegation } = require
  return {
    tenants: require.tenants,
    audiences: typeof audience === 'string' ? [audience] : audience,
    identityTypes: require.identity_types,
    subTypes: require.sub_types,
    maxDepth: delegation?.max_depth,
    actors: delegation?.actors?.map(subjectPattern),
    trust: require.trust,
    tools: require.tools,
    scopes: require.scopes,
  }
}
