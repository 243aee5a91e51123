import { isIPv6 } from 'node:net'

/** Longest URL or path that is compared, in characters. */
const maxLength = 8_192
/** Longest authority, in characters: a DNS name has up to 253, and a port may follow. */
const maxAuthority = 264

/**
 * What may stand in a URL at all: visible ASCII without the backslash, which some parsers take for a
 * slash. RFC 3986 has no place for a few of these (`|`, `^`, `{`); where clients send them in a path
 * all the same they are compared as they are.
 */
const visible = /^[\x21-\x5b\x5d-\x7e]*$/
const absolute = /^(https?):\/\/([^/?#]*)([^?#]*)(.*)$/i
/** `reg-name` without escapes, which no host has; an address in brackets is checked by itself. */
const authorityForm = /^(?:\[([0-9a-f:.]+)\]|[a-z0-9\-._~!$&'()*+,;=]+)(?::([0-9]{0,5}))?$/
const brokenEscape = /%(?![0-9A-Fa-f]{2})/
const escapes = /%[0-9A-Fa-f]{2}/g
const unreserved = /^[A-Za-z0-9\-._~]$/
const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** Where clients reach what is protected, normalised. */
export interface BaseUrl {
  /** Scheme, host and port. */
  readonly origin: string
  /** The path without a slash at its end: empty, or it begins with one. */
  readonly prefix: string
}

/**
 * Normalises an absolute URL for comparison, without query and fragment: RFC 9449 §4.3, criterion 9,
 * by RFC 3986 §6.2.2 and §6.2.3. The WHATWG parser is not used on purpose: it folds backslashes,
 * tabs and international names, so that URLs which RFC 3986 keeps apart would become one.
 *
 * @param url an `htu`
 * @returns scheme, authority and path; undefined for anything but an http or https URL, and for one
 *   with user information or broken escapes
 */
export function normalizeUrl(url: string): string | undefined {
  const { origin, path } = splitUrl(url) ?? {}
  return origin === undefined || path === undefined ? undefined : origin + path
}

/**
 * Reads a base URL.
 *
 * @param url `scheme://host[:port][/prefix]`
 * @returns undefined for anything else, and where a query or fragment is there
 */
export function parseBaseUrl(url: string): BaseUrl | undefined {
  const { origin, path, rest } = splitUrl(url) ?? {}
  if (origin === undefined || path === undefined || rest !== '') return undefined
  return { origin, prefix: path.replace(/\/$/, '') }
}

function splitUrl(
  url: string,
): { origin: string | undefined; path: string | undefined; rest: string } | undefined {
  if (url.length > maxLength || !visible.test(url)) return undefined
  const [, scheme, authority, path, rest] = absolute.exec(url) ?? []
  if (scheme === undefined || authority === undefined) return undefined
  return {
    origin: normalizeOrigin(scheme, authority),
    path: normalizePath(path ?? ''),
    rest: rest ?? '',
  }
}

/**
 * Normalises scheme, host and port: both in lower case, the scheme's own port left out
 * (RFC 3986 §6.2.2.1 and §6.2.3). Addresses in brackets are not rewritten beyond that.
 *
 * @param scheme `http` or `https`, in any case
 * @param authority host and port, such as a `Host` header has
 * @returns undefined where the authority is empty, has user information or no form of a host
 */
export function normalizeOrigin(scheme: string, authority: string): string | undefined {
  // Some letters outside ASCII become ASCII in lower case.
  if (authority.length > maxAuthority || !visible.test(authority)) return undefined
  const [lower, address, port = ''] = authorityForm.exec(authority.toLowerCase()) ?? []
  if (lower === undefined || (address !== undefined && !isIPv6(address))) return undefined
  const name = scheme.toLowerCase()
  const colon = lower.lastIndexOf(':')
  const hasPort = colon > lower.lastIndexOf(']')
  const host = hasPort ? lower.slice(0, colon) : lower
  return `${name}://${host}${port === '' || port === defaultPorts[name] ? '' : `:${port}`}`
}

/**
 * Normalises a path: escapes of unreserved characters decoded, the others in upper case, dot
 * segments removed, an empty path a slash (RFC 3986 §6.2.2.1 to §6.2.3).
 *
 * @param path as it was sent, without query
 * @returns undefined where it does not begin with a slash, has a query or fragment, a broken escape
 *   or a character that no URL has
 */
export function normalizePath(path: string): string | undefined {
  if (path === '') return '/'
  if (path.length > maxLength || !visible.test(path)) return undefined
  if (!path.startsWith('/') || /[?#]/.test(path) || brokenEscape.test(path)) return undefined
  const decoded = path.replace(escapes, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return unreserved.test(character) ? character : triplet.toUpperCase()
  })
  return decoded.includes('/.') ? removeDotSegments(decoded) : decoded
}

/** RFC 3986 §5.2.4, for a path that begins with a slash. */
function removeDotSegments(path: string): string {
  const segments = path.split('/').slice(1)
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  const isOpen = last === '.' || last === '..'
  return `/${kept.join('/')}${isOpen && kept.length > 0 ? '/' : ''}`
}
