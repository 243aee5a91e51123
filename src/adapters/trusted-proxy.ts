import { BlockList, isIP } from 'node:net'

/** A request and where it came from. */
export interface ProxiedRequest {
  readonly rawHeaders: readonly string[]
  readonly socket: object & { readonly remoteAddress?: string | undefined }
}

/** A proxy list, parsed. */
interface Proxies {
  readonly addresses: BlockList
  readonly sockets: ReadonlySet<string>
}

const parsed = new WeakMap<readonly string[], Proxies>()

/**
 * Whether a request came from one of the proxies.
 *
 * @param request whose
 * @param trust addresses, CIDR ranges and `unix:/path`
 * @throws TypeError for an empty list, or an entry that is none of these
 */
export function isFromProxy(request: ProxiedRequest, trust: readonly string[]): boolean {
  const proxies = parsed.get(trust) ?? parse(trust)
  const { socket } = request
  const path = listeningPath(socket)
  if (path !== undefined) return proxies.sockets.has(path)
  // A scope (`fe80::1%eth0`) is no part of the address.
  const [address = ''] = (socket.remoteAddress ?? '').split('%')
  const version = isIP(address)
  return version !== 0 && proxies.addresses.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

function parse(trust: readonly string[]): Proxies {
  if (!Array.isArray(trust) || trust.length === 0) {
    throw new TypeError('"trust" option must name the proxy: an address, a CIDR or unix:/path')
  }
  const addresses = new BlockList()
  const sockets = new Set<string>()
  for (const entry of trust) {
    const unix = typeof entry === 'string' && /^unix:(.+)$/.exec(entry)?.[1]
    if (unix) sockets.add(unix)
    else if (typeof entry !== 'string' || !add(addresses, entry)) {
      throw new TypeError(`"trust" option holds ${JSON.stringify(entry)}, which is no address`)
    }
  }
  const proxies = { addresses, sockets }
  parsed.set(trust, proxies)
  return proxies
}

function add(addresses: BlockList, entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0 || address.includes('%')) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const longest = version === 4 ? 32 : 128
  if (bits === undefined) addresses.addAddress(address, family)
  else if (!/^\d{1,3}$/.test(bits) || Number(bits) > longest) return false
  else addresses.addSubnet(address, Number(bits), family)
  return true
}

/** The unix socket that a connection came in by: it has no peer address to tell it from others. */
function listeningPath(socket: object): string | undefined {
  const server: unknown = Reflect.get(socket, 'server')
  if (typeof server !== 'object' || server === null || !('address' in server)) return undefined
  const address: unknown = typeof server.address === 'function' ? server.address() : undefined
  return typeof address === 'string' ? address : undefined
}
