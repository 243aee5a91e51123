import type { TrustLevel } from '../../identity/trust.ts'
import type { Target } from '../../request/target.ts'

/** A caller with a good token; what a case leaves out is what an ordinary agent has. */
export interface CaseIdentity {
  readonly scopes: readonly string[]
  readonly trust: TrustLevel
  readonly identity_type: string
  readonly sub_type?: string | undefined
  /** `account/project`. */
  readonly tenant: string
  readonly subject: string
  readonly delegation_depth: number
  readonly actors: readonly string[]
  readonly audience: string | readonly string[]
  readonly tools: readonly string[]
  /** The token is bound to a key. */
  readonly bound: boolean
  /** A good proof of possession came with it. */
  readonly proof: boolean
}

/** The request of a case, by its URL or by its parts; parts that are left out nobody told. */
export interface CaseRequest {
  /** Default GET, for a preflight OPTIONS. */
  readonly method?: string | undefined
  /** Absolute, or a path alone: then nobody told scheme and host. */
  readonly url?: string | undefined
  readonly scheme?: 'http' | 'https' | undefined
  readonly host?: string | undefined
  readonly path?: string | undefined
  /** The method that a CORS preflight asks for. */
  readonly preflight?: string | undefined
}

/** One request, and what is expected of the rules. */
export interface Case {
  readonly name?: string | undefined
  readonly request: CaseRequest
  /** Left out: no token. */
  readonly identity?: CaseIdentity | undefined
  readonly expect: string | number
  readonly route?: string | undefined
  readonly scopes?: readonly string[] | undefined
}

/**
 * The request of a case as the gate would have it.
 *
 * @param request of the case
 */
export function targetOf(request: CaseRequest): Target {
  const { url, preflight } = request
  const method = methodOf(request)
  const preflightFor = method === 'OPTIONS' ? preflight : undefined
  if (url === undefined) {
    const { scheme, host, path } = request
    return { method, scheme, host, path, preflightFor }
  }
  const [, scheme, host, path = ''] = /^(?:(https?):\/\/([^/]+))?([^?]*)/.exec(url) ?? []
  return {
    method,
    scheme: scheme === 'http' || scheme === 'https' ? scheme : undefined,
    host,
    path,
    preflightFor,
  }
}

/**
 * What to call a case that has no name.
 *
 * @param request of the case
 */
export function titleOf(request: CaseRequest): string {
  const { url, scheme, host, path = '' } = request
  const origin = host === undefined ? '' : `${scheme === undefined ? '' : `${scheme}:`}//${host}`
  return `${methodOf(request)} ${url ?? `${origin}${path}`}`
}

function methodOf({ method, preflight }: CaseRequest): string {
  return method ?? (preflight === undefined ? 'GET' : 'OPTIONS')
}
