import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { ZeroidOptions } from '../../src/adapters/options.ts'
import type { ProtectedResourceOptions } from '../../src/adapters/protected-resource.ts'
import type { AgentIdentity } from '../../src/identity/agent.ts'

/** What an app under test is made of; its routes are the same in every framework. */
export interface Plan {
  /** For `zeroid()`; undefined: the app goes without, though its routes have guards. */
  readonly options: ZeroidOptions | undefined
  /** Guard only what is below this path, default everything. */
  readonly below?: string
  readonly resource?: ProtectedResourceOptions
}

/** An app on a real socket. */
export interface App {
  readonly url: string
  /** What ran behind the gate, in order: `middleware`, and the route's name. */
  readonly ran: string[]
  /** Trailers that a handler saw. */
  readonly trailers: string[]
}

/** A framework with its adapter. */
export interface Framework {
  readonly name: string
  readonly start: (plan: Plan) => Promise<App>
  /** Guards built with words that they cannot take; each must throw. */
  readonly guards: {
    requireScope(...scopes: never[]): unknown
    requireTrust(level: never): unknown
    requireTool(tool: never): unknown
    requireIdentityType(...types: never[]): unknown
    requireDelegation(options: never): unknown
  }
  readonly zeroid: (options: ZeroidOptions) => unknown
  readonly protectedResource: (options: ProtectedResourceOptions) => unknown
}

/** What `GET /who` answers. */
export interface Who {
  readonly anonymous: boolean
  readonly claims: AgentIdentity['claims']
  readonly subject: string
  readonly owner: string | undefined
  readonly scopes: readonly string[]
  readonly identityType: string | undefined
  readonly trustLevel: string | undefined
  readonly externalId: string | undefined
  readonly delegationDepth: number
  readonly human: string | null
  readonly isDelegated: boolean
  readonly currentActor: { readonly subject: string; readonly trustLevel?: string }
  readonly priorActors: readonly { readonly subject: string }[]
  /** Header names as the handler sees them. */
  readonly names: readonly string[]
}

/** The answer of `GET /who`. */
export function describeWho(agent: AgentIdentity | undefined, names: readonly string[]): object {
  if (agent === undefined) return { anonymous: true, names }
  const { claims, subject, owner, isDelegated, currentActor, priorActors } = agent
  const { scopes, identityType, trustLevel, externalId, delegationDepth } = agent
  const human = agent.human ?? null
  const about = { claims, subject, owner, human, isDelegated, currentActor, priorActors }
  const acting = { scopes, identityType, trustLevel, externalId, delegationDepth }
  return { anonymous: false, ...about, ...acting, names }
}

/** Every view that Node has of a request's header names. */
export function namesIn(request: {
  readonly headers: object
  readonly rawHeaders: readonly string[]
  readonly headersDistinct?: object
}): string[] {
  const raw = request.rawHeaders.filter((_, i) => i % 2 === 0)
  const distinct = Object.keys(request.headersDistinct ?? {})
  return [...Object.keys(request.headers), ...distinct, ...raw].map((name) => name.toLowerCase())
}

/** Listens on a free port until the test ends. */
export async function listenOn(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
