import { isIPv4 } from 'node:net'

/** Where a proxy finds the gate's door. */
export type GateAddress = HostPort | { readonly path: string }

/** A host name or IP address, without brackets, and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** What differs from one installation to the next. */
export interface ProxyOptions {
  readonly gate: GateAddress
  /** The service behind the gate, plain HTTP. */
  readonly backend: HostPort
  /** Where the proxy listens; an empty host is every address. */
  readonly listen: HostPort
}

/** A proxy's files: paths below one folder, and their text. */
export type ConfigFiles = Readonly<Record<string, string>>

/** What stands in `deploy/`. */
export const defaultOptions: ProxyOptions = {
  gate: { host: '127.0.0.1', port: 8900 },
  backend: { host: '127.0.0.1', port: 8080 },
  listen: { host: '', port: 8000 },
}

/** A value that cannot be used; the message says what was given and what is accepted. */
export class OptionError extends Error {
  override readonly name = 'OptionError'
}

/**
 * @param text `http://host:port` or `unix:/path`, as the gate itself prints it
 * @throws OptionError for anything else
 */
export function parseGate(text: string): GateAddress {
  // Into a config file, quoted by nobody: nothing but plain path characters.
  const path = /^unix:(\/[\w./@-]+)$/.exec(text)?.[1]
  return path === undefined ? parseHttp(text, 'http://host:port or unix:/path') : { path }
}

/**
 * @param text `http://host:port`
 * @throws OptionError for anything else
 */
export function parseBackend(text: string): HostPort {
  return parseHttp(text, 'http://host:port')
}

/**
 * @param text `port`, `:port` or `host:port`
 * @throws OptionError for anything else
 */
export function parseListen(text: string): HostPort {
  const [, host = '', port = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? []
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (port === '' || !isPort(Number(port)) || !isHost(bare, true)) {
    throw refused(text, 'port, :port or host:port')
  }
  return { host: bare, port: Number(port) }
}

function parseHttp(text: string, accepted: string): HostPort {
  const [, host = '', port = '80'] =
    /^http:\/\/(\[[\da-f:.]+\]|[^/:?#@[\]]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? []
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (!isHost(bare, false) || !isPort(Number(port))) throw refused(text, accepted)
  return { host: bare, port: Number(port) }
}

function isHost(host: string, mayBeEmpty: boolean): boolean {
  return host === '' ? mayBeEmpty : /^([\w.-]+|[\da-f:.]+)$/i.test(host)
}

function isPort(port: number): boolean {
  return port > 0 && port <= 65_535
}

function refused(text: string, accepted: string): OptionError {
  return new OptionError(`${JSON.stringify(text)} is not ${accepted}`)
}

/** `host:port`, an IPv6 host in brackets. */
export function authority({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Whether the host is a name, which a proxy has to resolve. */
export function isName({ host }: HostPort): boolean {
  return !isIPv4(host) && !host.includes(':')
}
