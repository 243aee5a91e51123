import { randomUUID } from 'node:crypto'
import type { Agent, Agents } from './agents.ts'
import type { Core } from './core.ts'
import { sortedJson } from './json.ts'
import type { KeyKind } from './keys.ts'
import type { Claims, Identity, PrincipalType, Profile } from './types.ts'

/** How a token is minted. */
export interface MintOptions {
  /** The holder; default: an agent registered for the purpose. */
  agent?: Pick<Agent, 'id'>
  /** Default `data:read`. */
  scopes?: string[]
  /** Lifetime in seconds; default 3600. */
  ttl?: number
  /** Issued at, in epoch seconds; default now. */
  iat?: number
  /** Claims that replace or join the usual ones; one that is undefined leaves it out. */
  claims?: Claims
  /** Default: the emulator's. */
  profile?: Profile
  /** Default: the issuer. */
  audience?: string | string[]
  /** RFC 7638 thumbprint of the key that the token is bound to: `cnf.jkt`; default: bound to none. */
  boundTo?: string
  /** Default `client_credentials`. */
  grant?: 'client_credentials' | 'api_key'
  /** On whose authority the agent acts: the token is then a delegation (rfc8693). */
  principal?: string | { sub: string; type?: PrincipalType }
}

/** How a token is delegated. */
export interface DelegateOptions {
  /** The sub-agent; default: one registered for the purpose in the parent's tenant. */
  to?: Pick<Agent, 'id'>
  /** Default: the parent's scopes. */
  scopes?: string[]
  /** Lifetime in seconds; never longer than the parent's. */
  ttl?: number
}

/** How an arbitrary payload is signed. */
export interface SignOptions {
  /** Header members that replace or join `alg`, `kid` and `typ`. */
  header?: Record<string, unknown>
  /** The live P-256 key (default) or the RSA key. */
  key?: KeyKind
}

/** Makes tokens without a request. */
export interface Minting {
  mint(options?: MintOptions): string
  delegate(parentToken: string, options?: DelegateOptions): string
  proofToken(agent: Pick<Agent, 'id'>): string
  sign(claims: Claims | string, options?: SignOptions): string
}

/** Makes the in-process mint. */
export function createMinting(core: Core, agents: Agents): Minting {
  const { tokens, exchange, keys, issuer, clock } = core

  /** A token of the principal itself, for its agent to be delegated from. */
  function rootOf(principal: { sub: string; type: PrincipalType }, identity: Identity) {
    return (scopes: string[], ttl: number) =>
      tokens.issue({
        identity: { ...identity, id: '', allowedScopes: [] },
        grant: 'token_exchange',
        profile: 'rfc8693',
        principal,
        scopes,
        // The delegation takes the rest of the current second off.
        ttl: ttl + 1,
      }).credential
  }

  function mint(options: MintOptions = {}): string {
    const { scopes = ['data:read'], ttl = 3600, iat, claims, audience, principal } = options
    const identity = agents.identity(options.agent ?? agents.register())
    const order = {
      identity,
      scopes,
      ttl,
      iat,
      extra: claims,
      audience: typeof audience === 'string' ? [audience] : audience,
      jkt: options.boundTo,
    }
    if (principal !== undefined) {
      const named = typeof principal === 'string' ? { sub: principal } : principal
      const whose = { type: 'user' as const, ...named }
      const parent = rootOf(whose, identity)(scopes, ttl)
      return tokens.issue({
        ...order,
        grant: 'token_exchange',
        profile: 'rfc8693',
        principal: whose,
        actors: [identity.wimseUri],
        parent,
      }).token
    }
    const grant = options.grant ?? 'client_credentials'
    return tokens.issue({
      ...order,
      grant,
      profile: options.profile ?? core.profile,
      principal: { sub: identity.wimseUri, type: 'workload' },
      legacyActor: grant === 'api_key' ? identity.createdBy : undefined,
    }).token
  }

  return {
    mint,
    delegate(parentToken, { to, scopes, ttl } = {}) {
      const parent = tokens.inspect(parentToken)?.credential
      if (parent === undefined) throw new Error('the parent token is not active')
      const { account, project } = parent
      const agent = to ?? agents.register({ account, project })
      return exchange({
        subjectToken: parentToken,
        actorToken: agents.assertion(agent),
        scopes: scopes ?? parent.scopes,
        ttl,
      }).token
    },
    proofToken(agent) {
      const { account, project, wimseUri } = agents.identity(agent)
      const iat = Math.floor(clock.now() / 1000)
      const claims = {
        account_id: account,
        aud: [issuer],
        exp: iat + 300,
        iat,
        iss: issuer,
        jti: randomUUID(),
        nonce: randomUUID(),
        project_id: project,
        sub: wimseUri,
      }
      return keys.sign(sortedJson(claims), 'ec')
    },
    sign(claims, { header, key = 'ec' } = {}) {
      return keys.sign(typeof claims === 'string' ? claims : JSON.stringify(claims), key, header)
    },
  }
}
