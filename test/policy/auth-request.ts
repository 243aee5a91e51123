import type { Dialect } from '../../src/request/dialect.ts'
import type { Row, RowRequest } from './table.ts'

/**
 * The auth request by which a proxy asks for a row's request, byte by byte as Latin-1.
 *
 * @param dialect in whose words the proxy tells
 * @param row the client's request
 * @param token that came with it; undefined: none
 * @returns undefined where the dialect has no words for it, or no header or request line holds it
 */
export function authRequest(
  dialect: Dialect,
  { request }: Row,
  token: string | undefined,
): string | undefined {
  const asked = writers[dialect](request)
  if (asked === undefined) return undefined
  const [line, ...told] = asked
  const lines = [
    ...told,
    ...Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`),
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    'Connection: close',
  ]
  // A line break would begin another header, and no header holds other controls or other letters.
  const holds = lines.every((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text))
  return holds ? `${[line, ...lines].join('\r\n')}\r\n\r\n` : undefined
}

const verify = 'GET /oauth2/token/verify HTTP/1.1'

const writers: Readonly<Record<Dialect, (request: RowRequest) => readonly string[] | undefined>> = {
  forwarded: ({ method, scheme, host, path }) => [
    verify,
    'Host: gate',
    ...header('X-Forwarded-Method', method),
    ...header('X-Forwarded-Proto', scheme),
    ...header('X-Forwarded-Host', host),
    ...header('X-Forwarded-Uri', path),
  ],

  original({ method, scheme, host, path }) {
    const lines = [verify, ...header('X-Original-Method', method)]
    if (path === undefined || scheme === undefined || !host) {
      // Without a URL there is no scheme, and the host is that of the auth request.
      if (scheme !== undefined) return undefined
      return [...lines, `Host: ${host ?? ''}`, ...header('X-Original-URI', path)]
    }
    return [...lines, 'Host: gate', `X-Original-URL: ${scheme}://${host}${path}`]
  },

  envoy({ method, scheme, host, path = '' }) {
    // The method and the path are the auth request's own, so that its parser must read them.
    if (method === undefined || !/^[A-Z-]+$/.test(method)) return undefined
    if (/[^\x21-\x7e]/.test(path)) return undefined
    return [
      `${method} /ext-authz${path} HTTP/1.1`,
      `Host: ${host ?? ''}`,
      ...header('X-Forwarded-Proto', scheme),
      ...(/^(POST|PUT|PATCH)$/.test(method) ? ['Content-Length: 0'] : []),
    ]
  },
}

function header(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`${name}: ${value}`]
}
