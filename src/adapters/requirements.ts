import { AccessError } from '../errors.ts'
import type { Answer } from '../http/answer.ts'
import type { AgentIdentity } from '../identity/agent.ts'
import type { TrustLevel } from '../identity/trust.ts'
import { trustLevels } from '../identity/trust.ts'
import type { Requirements } from '../policy/requirements.ts'
import { evaluate } from '../policy/requirements.ts'
import type { Entry } from './reception.ts'

/** What a route asks of an agent beyond a good token. */
export interface Requirement extends Requirements {
  /** The guard's name, for whoever put it in the wrong place. */
  readonly name: string
}

/** How deep a delegation may be. */
export interface DelegationOptions {
  /** Hops at most; 0: no delegation at all. */
  readonly max: number
}

/** The kinds of identity that ZeroID registers, and any other that it may come to know. */
export type IdentityType = 'agent' | 'application' | 'mcp_server' | 'service' | (string & {})

/** The guards, each in the manner of one framework. */
export interface Guards<Guard> {
  /** Every one of these scopes. */
  requireScope(scope: string, ...more: string[]): Guard
  /** At least this trust level, of the party that acts. */
  requireTrust(least: TrustLevel): Guard
  /** `allowed_tools` names this tool. */
  requireTool(tool: string): Guard
  /** The party that acts is of one of these types. */
  requireIdentityType(type: IdentityType, ...more: IdentityType[]): Guard
  /** No longer chain of delegation than this. */
  requireDelegation(options: DelegationOptions): Guard
}

/**
 * Makes the guards. What they ask is judged as the rules of a policy are.
 *
 * @param toGuard one requirement in the framework's manner
 */
export function createGuards<Guard>(toGuard: (requirement: Requirement) => Guard): Guards<Guard> {
  return {
    requireScope(...all) {
      // RFC 6749 §3.3; it is also written between quotes into a header.
      assertTexts('requireScope', all, /^[\x21\x23-\x5b\x5d-\x7e]+$/)
      return toGuard({ name: 'requireScope', scopes: { all } })
    },
    requireTrust(trust) {
      if (!trustLevels.includes(trust)) {
        throw new TypeError(`requireTrust() takes one of ${trustLevels.join(', ')}`)
      }
      return toGuard({ name: 'requireTrust', trust })
    },
    requireTool(tool) {
      assertTexts('requireTool', [tool], /./)
      return toGuard({ name: 'requireTool', tools: [tool] })
    },
    requireIdentityType(...identityTypes) {
      assertTexts('requireIdentityType', identityTypes, /./)
      return toGuard({ name: 'requireIdentityType', identityTypes })
    },
    requireDelegation(options) {
      const maxDepth = options?.max
      if (!Number.isSafeInteger(maxDepth) || maxDepth < 0) {
        throw new TypeError('requireDelegation() takes { max }, a whole number from 0 on')
      }
      return toGuard({ name: 'requireDelegation', maxDepth })
    },
  }
}

function assertTexts(guard: string, texts: readonly string[], shape: RegExp): void {
  if (texts.length > 0 && texts.every((it) => typeof it === 'string' && shape.test(it))) return
  throw new TypeError(`${guard}() takes names, none of them empty`)
}

const entry = Symbol('zeroid-gate')

/** Something that lives as long as a request, such as the request itself. */
interface Carrier {
  [entry]?: Entry
}

/**
 * Notes on a request how it was received.
 *
 * @param carrier the request, in the framework's own form
 * @param received how
 */
export function noteEntry(carrier: object, received: Entry): void {
  const marked: Carrier = carrier
  marked[entry] = received
}

/**
 * @param carrier the request, in the framework's own form
 * @param requirement of the route
 * @returns the refusal; undefined where the request may go on
 * @throws Error where no `zeroid()` came before: nobody knows who is asking, so nobody may pass
 */
export function refusalOf(carrier: object, requirement: Requirement): Answer | undefined {
  const { agent, reception } = receivedAs(carrier, requirement.name)
  if (agent === undefined) return reception.anonymous()
  const refusal = evaluate(requirement, agent.claims)
  return refusal === undefined ? undefined : reception.refuse(refusal)
}

/**
 * The agent behind a request, for handlers.
 *
 * @param carrier the request, in the framework's own form
 * @throws AccessError `missing_token` for a request that was let in without a token
 * @throws Error where no `zeroid()` came before: a fault of the app, not of the caller
 */
export function agentOf(carrier: object): AgentIdentity {
  const { agent } = receivedAs(carrier, 'identityOf')
  if (agent !== undefined) return agent
  throw new AccessError('missing_token', 'identityOf(): this request was let in without a token')
}

function receivedAs(carrier: Carrier, name: string): Entry {
  const received = carrier[entry]
  if (received === undefined) throw new Error(`${name}() needs zeroid() to run before it`)
  return received
}
