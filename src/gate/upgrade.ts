import { removeHeaders } from '../raw-headers.ts'
import type { Target } from '../request/target.ts'
import { parseBearer, parseDpop, readAuthorization } from '../token/bearer.ts'
import type { Offer } from '../token/subprotocol.ts'
import { isProtocolHeader, readOffer } from '../token/subprotocol.ts'
import type { Deny, Verdict } from '../verdict.ts'
import type { CheckRequest, Terms } from './terms.ts'

/** A WebSocket handshake; Node's `IncomingMessage` is one. */
export interface UpgradeRequest {
  readonly rawHeaders: string[]
  readonly headers: Record<string, string | string[] | undefined>
}

/** What is said about a WebSocket handshake. */
export interface UpgradeCheck {
  readonly verdict: Verdict
  /**
   * The subprotocol to select: the client's first that holds no token. Undefined where it offered
   * none; a browser that offered only its token then ends the connection itself.
   */
  readonly protocol: string | undefined
}

/** Handshakes, and the tokens that they carried. */
export interface Upgrades {
  check(
    request: UpgradeRequest,
    terms: Terms | undefined,
    target: Target | undefined,
  ): Promise<UpgradeCheck>
  /**
   * The token of a request, or of a handshake that was checked.
   *
   * @throws TypeError where there is none
   */
  tokenOf(request: { readonly rawHeaders: readonly string[] }): string
}

/**
 * @param check judges a request that carries its token in `Authorization`
 * @param refused told of a handshake whose token cannot be read
 */
export function createUpgrades(
  check: (
    request: CheckRequest,
    terms: Terms | undefined,
    target: Target | undefined,
  ) => Verdict | Promise<Verdict>,
  refused: (verdict: Deny) => Verdict,
): Upgrades {
  const tokens = new WeakMap<object, string>()
  return {
    async check(request, terms, target) {
      const offer = readOffer(request.rawHeaders)
      keepProtocols(request, offer)
      const protocol = offer.protocols[0]
      const { token } = offer
      if (token === undefined) return { verdict: await check(request, terms, target), protocol }
      if (typeof token !== 'string') return { verdict: refused(token), protocol }
      tokens.set(request, token)
      const asHeader = { rawHeaders: ['Authorization', `Bearer ${token}`] }
      return { verdict: await check(asHeader, terms, target), protocol }
    },
    tokenOf(request) {
      const value = readAuthorization(request.rawHeaders)
      const token =
        typeof value === 'string' ? (parseDpop(value) ?? parseBearer(value)) : tokens.get(request)
      if (typeof token === 'string') return token
      throw new TypeError('the request to be watched carries no token')
    },
  }
}

/**
 * Takes the subprotocols that hold a token out of a request, so that no log and no answer of the
 * WebSocket library repeats one.
 */
function keepProtocols(request: UpgradeRequest, { protocols }: Offer): void {
  removeHeaders(request, isProtocolHeader)
  if (protocols.length === 0) return
  const list = protocols.join(', ')
  request.rawHeaders.push('Sec-WebSocket-Protocol', list)
  request.headers['sec-websocket-protocol'] = list
}
