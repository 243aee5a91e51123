import type { Target } from './target.ts'

/** A request that came to us itself; Node's `IncomingMessage` is one. */
export interface DirectRequest {
  readonly rawHeaders: readonly string[]
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Express: `url` before a router took its own prefix away. */
  readonly originalUrl?: string | undefined
  /** Encrypted where it says so, as a `TLSSocket` does. */
  readonly socket?: object | null | undefined
}

/**
 * What a request is that stands before us itself, in an app. Nothing that a proxy may have said is
 * read: behind one that changes scheme, host or path `publicUrl` tells how clients see them.
 *
 * @param request as Node has it
 */
export function describeDirect(request: DirectRequest): Target {
  const { method, socket } = request
  const url = request.originalUrl ?? request.url
  let host: string | undefined
  let hosts = 0
  let authority: string | undefined
  let origin = false
  let preflightFor: string | undefined
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') {
      host = request.rawHeaders[i + 1]
      hosts++
    } else if (name === ':authority') authority = request.rawHeaders[i + 1]
    else if (method !== 'OPTIONS') continue
    else if (name.length === 6 && name.toLowerCase() === 'origin') origin = true
    else if (name.length === 29 && name.toLowerCase() === 'access-control-request-method') {
      preflightFor = request.rawHeaders[i + 1]
    }
  }
  return {
    method,
    scheme: isEncrypted(socket) ? 'https' : 'http',
    host: theHost(hosts, host, authority),
    path: url === undefined ? undefined : withoutQuery(url),
    preflightFor: origin ? preflightFor : undefined,
  }
}

/**
 * RFC 9112 §3.2: one `Host`, or nobody knows which is meant. RFC 9113 §8.3.1: on HTTP/2 `:authority`
 * stands for it, and one beside it must say the same.
 */
function theHost(
  hosts: number,
  host: string | undefined,
  authority: string | undefined,
): string | undefined {
  if (authority === undefined) return hosts === 1 ? host : undefined
  if (hosts === 0) return authority
  return hosts === 1 && host?.toLowerCase() === authority.toLowerCase() ? authority : undefined
}

function isEncrypted(socket: DirectRequest['socket']): boolean {
  return typeof socket === 'object' && Reflect.get(socket ?? {}, 'encrypted') === true
}

/**
 * A request target without its query; a fragment is left where it stands, since none belongs there.
 *
 * @param uri as it came
 */
export function withoutQuery(uri: string): string {
  const query = uri.indexOf('?')
  return query === -1 ? uri : uri.slice(0, query)
}
