/** A host as it was asked for. */
export interface HostName {
  /** In lower case, without the trailing dot. */
  readonly name: string
  readonly port: number | undefined
}

/** Which hosts a route matches. */
export interface HostPattern extends HostName {
  /** As it is written. */
  readonly text: string
  /** `*.`: `name` is then the suffix, with its leading dot. */
  readonly wildcard: boolean
}

/** Underscores are in no DNS host name, but in many names of container networks. */
const name = /^[\w-]+(?:\.[\w-]+)*\.?$/
const longestHost = 262

/**
 * Reads a `Host` value (RFC 9110 §7.2).
 *
 * @param raw as it was sent
 * @returns undefined for anything but one name or address with or without a port: a list, blanks,
 *   user information, escapes
 */
export function readHost(raw: string): HostName | undefined {
  if (raw.length > longestHost) return undefined
  const [, host, digits] = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(raw) ?? []
  if (host === undefined) return undefined
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && port > 65_535) return undefined
  if (host.startsWith('[')) {
    // One address has many spellings.
    const url = `http://${host}/`
    return URL.canParse(url) ? { name: new URL(url).hostname, port } : undefined
  }
  if (!name.test(host)) return undefined
  return { name: host.toLowerCase().replace(/\.$/, ''), port }
}

/** Most hosts that are remembered; then all are forgotten. */
const maxRemembered = 256

/**
 * The same as {@link readHost}, for a place that is asked for few hosts again and again.
 */
export function createHostReader(): (raw: string) => HostName | undefined {
  const remembered = new Map<string, HostName>()
  return (raw) => {
    const known = remembered.get(raw)
    if (known !== undefined) return known
    const host = readHost(raw)
    if (host === undefined) return undefined
    if (remembered.size >= maxRemembered) remembered.clear()
    // A copy: a part of a longer text would keep all of it, and its query, in memory.
    const copy = Buffer.from(raw, 'latin1').toString('latin1')
    remembered.set(copy, { name: Buffer.from(host.name).toString(), port: host.port })
    return host
  }
}

/**
 * Makes a host pattern.
 *
 * @param text `api.example.com`, `*.example.com` for one or more labels more, each with or without
 *   a port
 * @throws TypeError where {@link hostProblem} finds something
 */
export function hostPattern(text: string): HostPattern {
  const wildcard = text.startsWith('*.')
  const host = readHost(wildcard ? text.slice(2) : text)
  if (host === undefined) throw new TypeError(`${JSON.stringify(text)} ${hostProblem(text)}`)
  return { text, wildcard, name: wildcard ? `.${host.name}` : host.name, port: host.port }
}

/**
 * What is wrong with a host pattern.
 *
 * @param text as it was written
 * @returns a clause; undefined where nothing is
 */
export function hostProblem(text: string): string | undefined {
  if (text === '*') return 'says nothing: leave host out for every host'
  if (text.includes('://')) return 'must be a host alone: the scheme has its own key'
  if (readHost(text.startsWith('*.') ? text.slice(2) : text) !== undefined) return undefined
  return 'must be a host such as api.example.com or *.example.com, with or without a port'
}

/**
 * Whether a host is one of those that a pattern means.
 *
 * @param pattern of a route
 * @param host as it was asked for
 * @param scheme tells the port where the host names none
 * @returns undefined where the pattern names a port and nobody told which was asked for
 */
export function matchesHost(
  pattern: HostPattern,
  host: HostName,
  scheme: 'http' | 'https' | undefined,
): boolean | undefined {
  const same = pattern.wildcard ? host.name.endsWith(pattern.name) : host.name === pattern.name
  if (!same || pattern.port === undefined) return same
  if (host.port !== undefined) return host.port === pattern.port
  return scheme === undefined ? undefined : pattern.port === (scheme === 'https' ? 443 : 80)
}
