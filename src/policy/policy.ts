import type { TrustLevel } from '../identity/trust.ts'
import type { Target } from '../request/target.ts'
import type { Mode } from '../revocation/facts.ts'
import type { HostPattern } from './host.ts'
import type { PathPattern } from './pattern.ts'
import type { Requirements } from './requirements.ts'

/** Routes in order, made ready for many requests. The first that matches decides. */
export interface Policy {
  readonly routes: readonly Route[]
  /**
   * Which route decides on a request. Never throws.
   *
   * @param target the request, as whoever stands before us describes it
   */
  match(target: Target): Match
  /**
   * The same at length, for people: every route that was looked at, up to the one that decides.
   *
   * @param target the request
   */
  explain(target: Target): readonly Explanation[]
}

/** Which route decides on a request, or why none can. */
export type Match =
  | { readonly kind: 'route'; readonly route: Route }
  /** A true CORS preflight, which the route lets pass without a token. */
  | { readonly kind: 'preflight'; readonly route: Route }
  /** No route matches: denied, `no_route`. */
  | { readonly kind: 'none' }
  /**
   * - `path_refused`: backends read this path in different ways, or routes tell apart what a
   *   backend may take for one; or a route that may match looks at the host or the method, and the
   *   client wrote it so that nobody can read it;
   * - `request_not_described`: a route that may match needs what nobody told.
   */
  | {
      readonly kind: 'refused'
      readonly reason: 'path_refused' | 'request_not_described'
      /** What the proxy should have told. */
      readonly missing?: RequestPart
      /** What the client wrote. */
      readonly unreadable?: UnreadablePart
    }

/** The parts of a request that routes tell apart. */
export type RequestPart = 'method' | 'scheme' | 'host' | 'path'

/** The parts that a client can write so that nobody can read them; of a path there is more to say. */
export type UnreadablePart = 'method' | 'host'

/** One route: what it matches and what it asks for. */
export interface Route {
  /** As the document names it, else its place, such as `#2`. */
  readonly name: string
  /** Counted from 1. */
  readonly place: number
  /** Where it stands in the document; undefined where there was no text. */
  readonly position: Position | undefined
  readonly when: Conditions
  /** `anonymous`: nobody asks for a token. */
  readonly allow: 'token' | 'anonymous'
  /** True CORS preflights pass without a token. */
  readonly preflight: boolean
  readonly requirements: Requirements
  /** Whether a DPoP proof is asked for (RFC 9449); default `if_bound`. */
  readonly dpop: 'required' | 'if_bound' | 'off'
  /** What is undefined is the gate's own. */
  readonly freshness: Freshness
  /** What it would refuse is logged and counted, and passes. */
  readonly shadow: boolean
}

/** What a request must be for a route to match. What is undefined matches every request. */
export interface Conditions {
  readonly path: PathPattern
  readonly host: HostPattern | undefined
  readonly scheme: 'http' | 'https' | undefined
  /** HEAD is among them where GET is. */
  readonly methods: readonly string[] | undefined
}

/** How old the knowledge behind an allow may be. */
export interface Freshness {
  /** Milliseconds, from a second to an hour. */
  readonly maxStaleness: number | undefined
  readonly mode: Mode | undefined
  readonly onUnknown: 'deny' | 'allow' | undefined
}

/** A place in a text, both counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One route that was looked at. */
export interface Explanation {
  readonly place: number
  readonly name: string
  readonly matched: boolean
  /** A short English clause, such as `the method is not one of POST`. */
  readonly why: string
}

/**
 * The document, as it is written in YAML or given as an object.
 *
 * @example
 * { version: 1, routes: [{ match: { path: '/**' }, require: { scopes: { all: ['data:read'] } } }] }
 */
export interface PolicyDocument {
  readonly version: 1
  /** In order; the first that matches decides. At most 10,000. */
  readonly routes: readonly RouteDocument[]
}

/** One route of the document. */
export interface RouteDocument {
  /** For logs and metrics; default: its place, such as `#2`. */
  readonly name?: string | undefined
  readonly match: {
    /** `/tools/**`, `/files/*.json`; `/**` is every path. */
    readonly path: string
    /** `api.example.com` or `*.example.com`; the port counts only where it is named. */
    readonly host?: string | undefined
    readonly scheme?: 'http' | 'https' | undefined
    /** GET stands for HEAD as well. */
    readonly methods?: readonly string[] | undefined
  }
  /** `anonymous`: no token is asked for; `preflight`: none for a true CORS preflight. */
  readonly allow?: 'anonymous' | 'preflight' | undefined
  /** Beyond a valid token. */
  readonly require?: RequireDocument | undefined
  readonly freshness?:
    | {
        /** Such as `5s`; from `1s` to `1h`. */
        readonly max_staleness?: string | undefined
        readonly mode?: Mode | undefined
        readonly on_unknown?: 'deny' | 'allow' | undefined
      }
    | undefined
  /** Log and count what would be refused, and let it pass. */
  readonly shadow?: boolean | undefined
}

/** What a route asks for beyond a valid token. */
export interface RequireDocument {
  readonly scopes?:
    | { readonly all?: readonly string[] | undefined; readonly any?: readonly string[] | undefined }
    | undefined
  /** The least level of the party that acts. */
  readonly trust?: TrustLevel | undefined
  readonly identity_types?: readonly string[] | undefined
  readonly sub_types?: readonly string[] | undefined
  /** `account/project`. */
  readonly tenants?: readonly string[] | undefined
  readonly delegation?:
    | {
        readonly max_depth?: number | undefined
        /** Every party told must match one: `spiffe://example.org/acct-1/**`. */
        readonly actors?: readonly string[] | undefined
      }
    | undefined
  /** One of them must be in `aud`. */
  readonly audience?: string | readonly string[] | undefined
  /** `allowed_tools` must name all of them. */
  readonly tools?: readonly string[] | undefined
  /** Default `if_bound`. */
  readonly dpop?: 'required' | 'if_bound' | 'off' | undefined
}
