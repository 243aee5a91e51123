import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { Core } from './core.ts'
import type { Identity } from './types.ts'

/** A registered agent whose key the emulator holds. */
export interface Agent {
  /** The identity's UUID: what signals name. */
  readonly id: string
  readonly wimseUri: string
  /** Also the id of its OAuth client. */
  readonly externalId: string
  readonly account: string
  readonly project: string
  /** For `grant_type=api_key`. */
  readonly apiKey: string
  /** For `grant_type=client_credentials`. */
  readonly clientSecret: string
}

/** How an agent is registered. */
export interface AgentOptions {
  /** Default `acct-demo`. */
  account?: string
  /** Default `proj-demo`. */
  project?: string
  /** Its name and external id; default `agent-1`, `agent-2`, … */
  name?: string
  /** `unverified`, `verified_third_party` or `first_party` (default). */
  trustLevel?: string
  /** `agent` (default), `application`, `mcp_server` or `service`. */
  identityType?: string
  /** Default `tool_agent`. */
  subType?: string
  /** Scopes it may hold; default: no limit. */
  scopes?: string[]
  /** The user who owns and created it; default `user_owner`. */
  owner?: string
  /** Epoch milliseconds after which it gets no tokens. */
  expiresAt?: number
}

/** The agents that were registered in-process. */
export interface Agents {
  register(options?: AgentOptions): Agent
  /** The registered identity behind a handle or an identity id. Throws when there is none. */
  identity(agent: Pick<Agent, 'id'>): Identity
  /** A JWT the agent signed about itself: the `actor_token` of a delegation to it. */
  assertion(agent: Pick<Agent, 'id'>): string
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Makes the registrar of in-process agents. */
export function createAgents({ store, issuer, clock }: Core): Agents {
  const privateKeys = new Map<string, KeyObject>()
  let serial = 0

  function identityOf({ id }: Pick<Agent, 'id'>): Identity {
    const identity = store.identity(id)
    if (identity === undefined) throw new Error(`no identity ${id} is registered`)
    return identity
  }

  return {
    identity: identityOf,
    register(options = {}) {
      serial += 1
      const { account = 'acct-demo', project = 'proj-demo', owner = 'user_owner' } = options
      const name = options.name ?? `agent-${serial}`
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const identity = store.register({
        account,
        project,
        externalId: name,
        name,
        identityType: options.identityType,
        subType: options.subType ?? 'tool_agent',
        trustLevel: options.trustLevel ?? 'first_party',
        owner,
        createdBy: owner,
        allowedScopes: options.scopes,
        publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString().trim(),
        expiresAt: options.expiresAt,
      })
      if (identity === undefined) throw new Error(`an agent named ${name} is already registered`)
      privateKeys.set(identity.id, privateKey)
      const client = store.addClient(identity, {
        clientId: name,
        name,
        confidential: true,
        grantTypes: ['client_credentials'],
        scopes: identity.allowedScopes,
      })
      return {
        id: identity.id,
        wimseUri: identity.wimseUri,
        externalId: name,
        account,
        project,
        apiKey: store.addApiKey(identity).key,
        clientSecret: client.secret,
      }
    },
    assertion(agent) {
      const { id, wimseUri: sub } = identityOf(agent)
      const key = privateKeys.get(id)
      if (key === undefined) throw new Error(`the emulator holds no key of identity ${id}`)
      const iat = Math.floor(clock.now() / 1000)
      const claims = { iss: sub, sub, aud: issuer, iat, exp: iat + 300, jti: randomUUID() }
      const input = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`
      const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
      return `${input}.${signature.toString('base64url')}`
    },
  }
}
