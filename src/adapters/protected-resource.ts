import type { Gate } from '../gate.ts'
import type { Answer } from '../http/answer.ts'

/** What a protected resource says of itself (RFC 9728 §2). */
export interface ProtectedResourceOptions {
  /** URL of the resource, such as `https://mcp.example.com/mcp`; no fragment, a plain path. */
  readonly resource: string
  /** Scopes that are used here. */
  readonly scopes?: readonly string[] | undefined
  /** The gate, for its issuer: the authorization server to go to. */
  readonly gate: Pick<Gate, 'issuer'>
  /** For people. */
  readonly name?: string | undefined
}

/** The metadata of one resource. */
export interface ProtectedResource {
  /** Where it is served, for the `resourceMetadata` option of `zeroid()`. */
  readonly url: string
  /** The path of that URL. */
  readonly path: string
  /** What is answered there; undefined for other methods. */
  answer(method: string): Answer | undefined
}

const wellKnown = '/.well-known/oauth-protected-resource'
const names: readonly string[] = ['resource', 'scopes', 'gate', 'name']
/** Public, and read by MCP clients in browsers. */
const shared = ['Access-Control-Allow-Origin', '*', 'X-Content-Type-Options', 'nosniff'] as const

/** A browser asks first where the request will carry a header of its own, as MCP clients' do. */
const preflight: Answer = {
  status: 204,
  headers: [
    ...shared,
    'Access-Control-Allow-Methods',
    'GET, HEAD',
    'Access-Control-Allow-Headers',
    '*',
    'Access-Control-Max-Age',
    '86400',
  ],
  body: '',
}

/**
 * @param options what is said
 * @throws TypeError that names the option that cannot be used
 */
export function describeResource(options: ProtectedResourceOptions): ProtectedResource {
  const { resource, scopes, gate, name } = options ?? {}
  const odd = Object.keys(options ?? {}).find((option) => !names.includes(option))
  if (odd !== undefined) throw new TypeError(`"${odd}" is no option of a protected resource`)
  if (typeof resource !== 'string' || !isResource(resource)) {
    throw new TypeError('"resource" option must be an http or https URL without a fragment')
  }
  const { origin, pathname, search } = new URL(resource)
  // Routers do not agree on what these mean, so that it would be served somewhere else, or nowhere.
  if (/[%*]/.test(pathname)) {
    throw new TypeError('"resource" option must have a path without escapes and asterisks')
  }
  if (scopes !== undefined && !(Array.isArray(scopes) && scopes.every(isScope))) {
    throw new TypeError('"scopes" option must be a list of scopes, none of which has a blank')
  }
  if (typeof gate?.issuer !== 'function') {
    throw new TypeError(
      '"gate" option must be a gate, such as createGate(…) or zeroid(…).gate gives',
    )
  }
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError('"name" option must be a text that is not empty')
  }
  // RFC 9728 §3.1: the well-known part goes between host and path, whose last slash is dropped.
  const path = wellKnown + (pathname === '/' ? '' : pathname)
  return {
    url: origin + path + search,
    path,
    answer(method) {
      if (method === 'OPTIONS') return preflight
      if (method !== 'GET' && method !== 'HEAD') return undefined
      const issuer = gate.issuer()
      if (issuer === undefined) return json(503, ['Retry-After', '1', 'Cache-Control', 'no-store'])
      return json(200, ['Cache-Control', 'public, max-age=300'], {
        resource,
        authorization_servers: [issuer],
        ...(scopes === undefined ? undefined : { scopes_supported: scopes }),
        bearer_methods_supported: ['header'],
        ...(name === undefined ? undefined : { resource_name: name }),
      })
    },
  }
}

/** RFC 6749 §3.3 `scope-token`. */
function isScope(scope: unknown): boolean {
  return typeof scope === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)
}

function isResource(resource: string): boolean {
  if (!URL.canParse(resource) || resource.includes('#') || /["\\\s]/.test(resource)) return false
  return /^https?:$/.test(new URL(resource).protocol)
}

function json(status: number, headers: readonly string[], value?: object): Answer {
  const body = value === undefined ? '' : JSON.stringify(value)
  const type = value === undefined ? [] : ['Content-Type', 'application/json']
  const length = String(Buffer.byteLength(body))
  return { status, headers: [...headers, ...shared, ...type, 'Content-Length', length], body }
}
