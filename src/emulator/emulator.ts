import { createAdminAuth } from './admin-auth.ts'
import { addAgentRoutes } from './agent-routes.ts'
import { type Agent, type AgentOptions, createAgents } from './agents.ts'
import type { ClientCredentials } from './client-auth.ts'
import type { Clock } from './clock.ts'
import { type Core, createCore } from './core.ts'
import { createFaults, type Faults } from './faults.ts'
import { addIdentityRoutes } from './identity-routes.ts'
import { text } from './json.ts'
import type { Jwks } from './keys.ts'
import {
  createMinting,
  type DelegateOptions,
  type MintOptions,
  type SignOptions,
} from './minting.ts'
import { addOAuthRoutes } from './oauth-routes.ts'
import { createRequestLog, type Requests } from './requests.ts'
import { createRouter } from './router.ts'
import { createHandler, listen } from './server.ts'
import { addSignalRoutes } from './signal-routes.ts'
import type { Streams } from './stream.ts'
import type { Claims, Profile, Signal } from './types.ts'
import { addWellKnownRoutes } from './wellknown-routes.ts'

/** How an emulator is started. Everything has a default. */
export interface EmulatorOptions {
  /** Default 0: a free port. */
  port?: number
  /** Default `127.0.0.1`. */
  host?: string
  /** The `iss` of its tokens; default: its own URL. */
  issuer?: string
  /** The claim shape of its tokens; default `legacy`. */
  profile?: Profile
  /** The source of its time, in epoch milliseconds; default `Date.now`. */
  now?: () => number
  /** Set: introspection refuses callers that are not this client or a registered one. */
  introspectionClient?: ClientCredentials
  /** Set: the admin API wants this bearer token, or an access token with `nhi:manage`. */
  adminToken?: string
  /** Default `/api/v1`. */
  adminPrefix?: string
  /** Milliseconds after which a signal stream goes deaf; default 15 000, 0 is never. */
  streamDeafAfter?: number
  /** Signals that may wait for a stream before further ones are dropped; default 100. */
  streamQueue?: number
  /** Milliseconds between a signal's row and the revocation it causes; default 0. */
  revokeDelay?: number
}

/** A signal to raise: about an agent, or about any identity id. */
export interface SignalOptions {
  agent?: Pick<Agent, 'id' | 'account' | 'project'>
  /** Default: the agent's. */
  identityId?: string
  /** Default `critical`. Any text is taken; `high` and `critical` revoke. */
  severity?: string
  /** Default `anomalous_behavior`. */
  type?: string
  /** Default: the agent's, else `acct-demo`. */
  account?: string
  /** Default: the agent's, else `proj-demo`. */
  project?: string
  missionId?: string
  payload?: Record<string, unknown>
  /** `created_at`, word for word; default now. */
  createdAt?: string
}

/** A running ZeroID server in this process. */
export interface Emulator {
  /** Where it listens, without a trailing slash. */
  readonly url: string
  readonly issuer: string
  readonly clock: Clock
  readonly requests: Requests
  readonly faults: Faults
  readonly streams: Streams
  /** Registers an agent with a key pair, an API key and an OAuth client. */
  agent(options?: AgentOptions): Promise<Agent>
  /** Issues an access token. Rejects when the agent may not hold the scopes. */
  mint(options?: MintOptions): Promise<string>
  /** Delegates a token to a sub-agent by the token-exchange grant. Rejects when refused. */
  delegate(parentToken: string, options?: DelegateOptions): Promise<string>
  /** A JWT by which an agent proves its key: the `actor_token` of an exchange request. */
  assertion(agent: Pick<Agent, 'id'>): Promise<string>
  /** A WIMSE proof token: the same key and shape as an access token, but not one. */
  proofToken(agent: Pick<Agent, 'id'>): Promise<string>
  /** Signs any payload (claims, or text as it is) with a live key, without registering it. */
  sign(claims: Claims | string, options?: SignOptions): Promise<string>
  /** Revokes a token and everything delegated from it. Sends no signal. */
  revoke(token: string): Promise<void>
  /** Raises a signal. The row and the stream come at once, the promise with the revocation. */
  signal(options: SignalOptions): Promise<Signal>
  activate(agent: Pick<Agent, 'id'>): Promise<void>
  /** Deactivates an agent: keys and credentials stop, and a `retirement` signal is sent. */
  deactivate(agent: Pick<Agent, 'id'>): Promise<Signal>
  /** Lets an identity expire: like deactivation, with an `identity_expired` signal. */
  expire(agent: Pick<Agent, 'id'>): Promise<Signal>
  /** What introspection would say now. */
  active(token: string): boolean
  /** Makes new signing keys. The old ones stay published unless `drop`. */
  rotateKeys(options?: { drop?: boolean }): Promise<void>
  jwks(): Jwks
  /** Stops listening and destroys all connections; the state stays. */
  pause(): Promise<void>
  /** Listens on the same port again. */
  resume(): Promise<void>
  close(): Promise<void>
}

/** Starts a ZeroID server in this process. Rejects when the port is taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { host = '127.0.0.1', adminPrefix = '/api/v1' } = options
  const listener = await listen(options.port ?? 0, host)
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`
  const core = await createCore({
    issuer: options.issuer ?? url,
    profile: options.profile ?? 'legacy',
    now: options.now ?? Date.now,
    streamDeafAfter: options.streamDeafAfter ?? 15_000,
    streamQueue: options.streamQueue ?? 100,
    revokeDelay: options.revokeDelay ?? 0,
  })
  const requests = createRequestLog()
  const table = createFaults(core.signals.revokeDelay)

  const router = createRouter(core.clock)
  const auth = createAdminAuth(options.adminToken, core.tokens)
  addOAuthRoutes(router, core, options.introspectionClient)
  addWellKnownRoutes(router, core)
  addIdentityRoutes(router, core, auth, adminPrefix)
  addAgentRoutes(router, core, auth, adminPrefix)
  addSignalRoutes(router, core, auth, adminPrefix)
  const { clock } = core
  const app = router.seal()
  listener.serve(createHandler({ app, clock, requests, faults: table, adminPrefix }))

  let listening = true
  async function pause(): Promise<void> {
    if (listening) await listener.close()
    listening = false
  }

  return {
    url,
    issuer: core.issuer,
    clock,
    requests,
    faults: table.faults,
    streams: core.streams.controls,
    ...inProcess(core),
    pause,
    async resume() {
      if (!listening) await listener.reopen()
      listening = true
    },
    close: pause,
  }
}

type InProcess = Omit<
  Emulator,
  'url' | 'issuer' | 'clock' | 'requests' | 'faults' | 'streams' | 'pause' | 'resume' | 'close'
>

function inProcess(core: Core): InProcess {
  const agents = createAgents(core)
  const minting = createMinting(core, agents)
  const { signals, tokens, credentials, keys, clock } = core

  async function raise(options: SignalOptions): Promise<Signal> {
    const { agent, payload, missionId, createdAt } = options
    const { signal, settled } = signals.ingest({
      account: options.account ?? agent?.account ?? 'acct-demo',
      project: options.project ?? agent?.project ?? 'proj-demo',
      identityId: options.identityId ?? agent?.id ?? '',
      type: options.type ?? 'anomalous_behavior',
      severity: options.severity ?? 'critical',
      source: 'emulator',
      payload,
      missionId,
      createdAt,
    })
    await settled
    // Lets the streams be written: signals raised one after the other do not fill their queues.
    await new Promise((resolve) => setImmediate(resolve))
    return signal
  }

  return {
    agent: async (options) => agents.register(options),
    mint: async (options) => minting.mint(options),
    delegate: async (parentToken, options) => minting.delegate(parentToken, options),
    assertion: async (agent) => agents.assertion(agent),
    proofToken: async (agent) => minting.proofToken(agent),
    sign: async (claims, options) => minting.sign(claims, options),
    async revoke(token) {
      credentials.revoke(text(keys.verify(token)?.jti) ?? '')
    },
    signal: raise,
    async activate(agent) {
      const identity = agents.identity(agent)
      identity.status = 'active'
      identity.updatedAt = clock.stamp()
    },
    deactivate: async (agent) =>
      signals.retire(agents.identity(agent), 'retirement', 'identity_deactivated'),
    expire: async (agent) => signals.retire(agents.identity(agent), 'identity_expired', 'expired'),
    active: (token) => tokens.inspect(token) !== undefined,
    rotateKeys: async ({ drop = false } = {}) => keys.rotate(drop),
    jwks: () => keys.jwks(),
  }
}
