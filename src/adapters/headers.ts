import { readIdentityHeaders } from '../http/identity-headers.ts'
import type { Agent, ForwardedClaims } from '../identity/agent.ts'
import { describeAgent } from '../identity/agent.ts'
import type { ProxiedRequest } from './trusted-proxy.ts'
import { isFromProxy } from './trusted-proxy.ts'

export type { Agent, ForwardedClaims } from '../identity/agent.ts'
export type { TrustLevel } from '../identity/trust.ts'
export type { ProxiedRequest } from './trusted-proxy.ts'

/** Whose word is taken. */
export interface HeadersOptions {
  /**
   * The proxies: addresses (`10.1.2.3`, `::1`), CIDR ranges (`10.0.0.0/8`), and the unix sockets
   * that this server listens on (`unix:/run/app.sock`). It is the peer's own address that counts.
   */
  readonly trust: readonly [string, ...string[]]
}

/**
 * Who sends a request, for a backend behind a proxy that asks the gate and strips the client's
 * own headers. Each header is read in its one spelling, once, as UTF-8.
 *
 * They tell less than the token: no tools (`hasTool` is always false), of the chain of delegation
 * only who acts and, under the legacy profile, the parent (`priorActors` may be shorter than
 * `delegationDepth`), and no type of principal: `human` is undefined for a subject that is no agent,
 * since it need not be a person. There is no `signal`: the proxy's connection is cut in front.
 *
 * @param request as it arrived; Node's `IncomingMessage`
 * @param options whose word is taken
 * @returns undefined where the peer is none of the proxies, or where the headers are not the gate's
 * @throws TypeError where no proxy is named
 */
export function identityFromHeaders(
  request: ProxiedRequest,
  options: HeadersOptions,
): Agent<ForwardedClaims> | undefined {
  if (!isFromProxy(request, options?.trust)) return undefined
  const claims = readIdentityHeaders(request.rawHeaders)
  return claims === undefined ? undefined : describeAgent(claims)
}
