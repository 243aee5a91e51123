import { createClock, type StampClock } from './clock.ts'
import { type Credentials, createCredentials } from './credentials.ts'
import { createExchange, type ExchangeToken } from './exchange.ts'
import { createKeys, type Keys } from './keys.ts'
import { createSignals, type Signals } from './signals.ts'
import { createStore, type Store } from './store.ts'
import { createStreams, type StreamHub } from './stream.ts'
import { createTokens, type Tokens } from './tokens.ts'
import type { Profile } from './types.ts'

/** The server without its sockets: state and rules. */
export interface Core {
  issuer: string
  profile: Profile
  clock: StampClock
  keys: Keys
  store: Store
  credentials: Credentials
  tokens: Tokens
  exchange: ExchangeToken
  streams: StreamHub
  signals: Signals
}

/** What the core depends on. */
export interface CoreOptions {
  issuer: string
  profile: Profile
  /** Epoch milliseconds. */
  now: () => number
  /** Milliseconds after which a stream goes deaf; 0 is never. */
  streamDeafAfter: number
  /** Signals that wait for a stream before further ones are dropped. */
  streamQueue: number
  /** Milliseconds between a signal's row and the revocation it causes. */
  revokeDelay: number
}

/** Makes a server's state and rules. */
export async function createCore(options: CoreOptions): Promise<Core> {
  const { issuer, profile } = options
  const clock = createClock(options.now)
  const keys = await createKeys()
  const store = createStore(clock)
  const credentials = createCredentials()
  const tokens = createTokens(keys, credentials, clock, issuer)
  const exchange = createExchange(store, tokens, clock, issuer)
  const streams = createStreams(options)
  const signals = createSignals({ store, credentials, streams, clock }, options.revokeDelay)
  return {
    issuer,
    profile,
    clock,
    keys,
    store,
    credentials,
    tokens,
    exchange,
    streams,
    signals,
  }
}
