import type {
  Agent,
  AgentOptions,
  EmulatorOptions,
  MintOptions,
  SignalOptions,
} from '../../src/emulator/index.ts'
import type { Signal } from '../../src/emulator/types.ts'
import type { Child } from './child.ts'
import { startServer } from './child.ts'

/**
 * The emulator in a process of its own: mints the tokens before a race, and answers the gate during
 * one without being in its figures.
 */
export interface Zeroid {
  readonly url: string
  readonly pid: number
  agent(options?: AgentOptions): Promise<Agent>
  /** Mints many tokens, each with its own `jti`. */
  mint(count: number, options?: MintOptions): Promise<string[]>
  signal(options: SignalOptions): Promise<Signal>
  /** Trees of three delegated tokens each in one tenant, and the identity at each root. */
  trees(count: number, account: string): Promise<readonly Tree[]>
  /** Revokes `count` agents of a tenant, one signal each. */
  flood(account: string, count: number): Promise<void>
  /** Signals are stored and revoke, but no stream gets them, as on another replica. */
  silent(on: boolean): Promise<void>
  /** How many introspections were asked so far. */
  introspections(): Promise<number>
  /** How many streams were asked for so far. */
  streams(): Promise<number>
  stop(): Promise<void>
}

/** Three agents, each with a token delegated by the one before. */
export interface Tree {
  /** Of the root. */
  readonly identityId: string
  readonly tokens: readonly string[]
}

/** The tenant of agents that name none. */
const tenant = 'acct-demo/proj-demo'

/**
 * Settings under which a minted token needs no question: its tenant's feed is live before it is
 * minted, and minting is evidence for half an hour.
 */
export const mintIsEvidence: Readonly<Record<string, string>> = {
  ZEROID_TENANTS: tenant,
  GATE_MAX_STALENESS: '1h',
}

/** Starts an emulator; its streams go deaf after 15 s, as the server's do, unless told otherwise. */
export async function startZeroid(options: EmulatorOptions = {}): Promise<Zeroid> {
  const child: Child = await startServer('emulator', options)
  return {
    url: String(child.started.url),
    pid: child.pid,
    agent: (options) => child.call('agent', options ?? {}),
    mint: (count, options) => child.call('mint', count, options ?? {}),
    signal: (options) => child.call('signal', options),
    trees: (count, account) => child.call('trees', count, account),
    flood: (account, count) => child.call('flood', account, count),
    silent: (on) => child.call('silent', on),
    introspections: () => child.call('introspections'),
    streams: () => child.call('streams'),
    stop: child.stop,
  }
}

/**
 * The same token with another signature: as long, as well-formed, and wrong.
 *
 * @param token a good one
 */
export function spoil(token: string): string {
  const at = token.length - 40
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

/**
 * Waits until tokens minted from now on were issued in a later second than everything before:
 * `iat` is whole seconds, and a feed knows its tenant's signals from a moment on.
 */
export async function nextSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_050 - (Date.now() % 1_000)))
}
