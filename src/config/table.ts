import { z } from 'zod'
import type { GateOptions, Tenant } from '../gate/options.ts'
import type { ListenAddress } from '../http/listen.ts'
import type { Dialect } from '../request/dialect.ts'
import { dialects } from '../request/dialect.ts'
import { audiences, count, duration, flag, listenAddress, onOff, tenants, url } from './kinds.ts'

/** The settings in force. Times are milliseconds. */
export interface Settings {
  readonly url: string
  readonly issuer?: string
  readonly adminPrefix: string
  readonly tenants: 'auto' | readonly Tenant[]
  readonly apiKey?: string
  readonly adminToken?: string
  readonly clientId?: string
  readonly clientSecret?: string
  readonly caFile?: string
  readonly listen: ListenAddress
  readonly adminListen: ListenAddress
  readonly mode: 'hybrid' | 'local' | 'live'
  readonly signals: boolean
  readonly maxStaleness: number
  readonly signalPoll: number
  readonly streamRenew: number
  readonly introspectConcurrency: number
  readonly onUnknown: 'deny' | 'allow'
  readonly audience?: readonly string[]
  readonly clockSkew: number
  readonly maxTokenLifetime: number
  readonly cacheTokens: number
  readonly maxTenants: number
  readonly resourceMetadata?: string
  readonly emptyHeaders: boolean
  readonly policyFile?: string
  readonly dialect: Dialect
  readonly dpop: boolean
  readonly dpopProofs: number
  readonly dpopNonce: boolean
  readonly dpopNonceSecret?: string
  readonly publicUrl?: string
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly logFormat: 'json' | 'pretty'
}

/**
 * The settings that the engine takes; the others are about its surroundings.
 *
 * @param settings in force
 */
export function engineSettings({
  listen: _listen,
  adminListen: _adminListen,
  resourceMetadata: _resourceMetadata,
  emptyHeaders: _emptyHeaders,
  policyFile: _policyFile,
  dialect: _dialect,
  logLevel: _logLevel,
  logFormat: _logFormat,
  ...engine
}: Settings): GateOptions {
  return engine
}

/** One setting: where it comes from, what it may be, what it is for. */
export interface Setting {
  readonly key: keyof Settings
  readonly env: string
  readonly schema: z.ZodType
  /** What is accepted, to follow "is not". */
  readonly accepts: string
  /** The default, as one would write it. */
  readonly fallback?: string
  readonly required?: true
  /** Never shown; may come from a file. */
  readonly secret?: true
  /** One sentence. */
  readonly help: string
}

const text = z.string().min(1)
const secret = z.string().regex(/^[\x20-\x7e]+$/)
const anHttpUrl = 'an http or https URL without query, such as http://zeroid:8899'
const aDuration = 'a duration such as 500ms, 30s, 5m or 24h, within its bounds'

/** Every setting of the gate, in the order in which people read them. */
// biome-ignore format: one setting a line reads as the table that it is
export const settingsTable: readonly Setting[] = [
  { key: 'url', env: 'ZEROID_URL', schema: url, accepts: anHttpUrl, required: true, help: 'Base URL of the ZeroID server.' },
  { key: 'issuer', env: 'ZEROID_ISSUER', schema: z.string().regex(/^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/), accepts: 'an http or https URL', help: "Expected `iss`; unset: taken from the server's `/.well-known/oauth-authorization-server`." },
  { key: 'adminPrefix', env: 'ZEROID_ADMIN_PREFIX', schema: z.string().regex(/^(\/[\w.~-]+)*$/), accepts: 'a path such as /api/v1, without a trailing slash', fallback: '/api/v1', help: 'Where the admin routes are mounted.' },
  { key: 'tenants', env: 'ZEROID_TENANTS', schema: tenants, accepts: 'auto, or account/project pairs joined by commas', fallback: 'auto', help: 'The feeds to follow and the only tenants let in; `auto`: any tenant of the issuer, its feed opened at its first valid token.' },
  { key: 'apiKey', env: 'ZEROID_API_KEY', schema: secret, accepts: 'printable ASCII', secret: true, help: 'API key (`zid_sk_…`) for the admin routes; the gate exchanges and renews it.' },
  { key: 'adminToken', env: 'ZEROID_ADMIN_TOKEN', schema: secret, accepts: 'printable ASCII', secret: true, help: 'Static bearer token for the admin routes, in place of the API key.' },
  { key: 'clientId', env: 'ZEROID_CLIENT_ID', schema: text, accepts: 'a client id', help: 'Client for introspection (a production server refuses anonymous callers).' },
  { key: 'clientSecret', env: 'ZEROID_CLIENT_SECRET', schema: secret, accepts: 'printable ASCII', secret: true, help: 'Secret of that client.' },
  { key: 'caFile', env: 'ZEROID_CA_FILE', schema: text, accepts: 'a path', help: 'PEM file with a further certificate authority for `https`.' },
  { key: 'listen', env: 'GATE_LISTEN', schema: listenAddress, accepts: 'host:port or unix:/path', fallback: '127.0.0.1:8900', help: 'Where the door listens.' },
  { key: 'adminListen', env: 'GATE_ADMIN_LISTEN', schema: listenAddress, accepts: 'host:port or unix:/path', fallback: '127.0.0.1:8901', help: 'Where health, ready and metrics are served.' },
  { key: 'mode', env: 'GATE_MODE', schema: z.enum(['hybrid', 'local', 'live']), accepts: 'hybrid, local or live', fallback: 'hybrid', help: 'Where an allow takes its evidence from.' },
  { key: 'signals', env: 'GATE_SIGNALS', schema: onOff, accepts: 'on or off', fallback: 'on', help: 'Follow the signal stream; `off` where no admin access is to be had.' },
  { key: 'maxStaleness', env: 'GATE_MAX_STALENESS', schema: duration(1_000, 3_600_000), accepts: `${aDuration} (1s to 1h)`, fallback: '30s', help: 'No allow rests on older evidence.' },
  { key: 'signalPoll', env: 'GATE_SIGNAL_POLL', schema: duration(100, 600_000), accepts: `${aDuration} (100ms to 10m)`, fallback: '5s', help: 'How often the signal list is read.' },
  { key: 'streamRenew', env: 'GATE_STREAM_RENEW', schema: duration(500, 3_600_000), accepts: `${aDuration} (500ms to 1h)`, fallback: '10s', help: "When a stream is replaced, before the server's write deadline of 15 s makes it deaf." },
  { key: 'introspectConcurrency', env: 'GATE_INTROSPECT_CONCURRENCY', schema: count(1, 10_000), accepts: 'a number from 1 to 10000', fallback: '64', help: 'Introspections in flight at most.' },
  { key: 'onUnknown', env: 'GATE_ON_UNKNOWN', schema: z.enum(['deny', 'allow']), accepts: 'deny or allow', fallback: 'deny', help: 'What becomes of a verified token that nothing recent is known of: 503, or a logged and counted allow.' },
  { key: 'audience', env: 'GATE_AUDIENCE', schema: audiences, accepts: '`aud` values joined by commas', help: 'Accepted `aud` values; unset: not checked.' },
  { key: 'clockSkew', env: 'GATE_CLOCK_SKEW', schema: duration(0, 30_000), accepts: `${aDuration} (0s to 30s)`, fallback: '5s', help: 'Leeway on `exp`, `nbf` and `iat`.' },
  { key: 'maxTokenLifetime', env: 'GATE_MAX_TOKEN_LIFETIME', schema: duration(60_000, 8_640_000_000), accepts: `${aDuration} (1m to 100d)`, fallback: '24h', help: 'How long marks are kept; raised by any longer-lived token seen.' },
  { key: 'cacheTokens', env: 'GATE_CACHE_TOKENS', schema: count(1, 10_000_000), accepts: 'a number from 1 to 10000000', fallback: '100000', help: 'Tokens remembered.' },
  { key: 'maxTenants', env: 'GATE_MAX_TENANTS', schema: count(1, 100_000), accepts: 'a number from 1 to 100000', fallback: '256', help: 'Feeds open at once; a tenant beyond is served by introspection alone.' },
  { key: 'resourceMetadata', env: 'GATE_RESOURCE_METADATA', schema: z.string().regex(/^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/), accepts: 'an http or https URL', help: "URL in the challenge; unset: the issuer's." },
  { key: 'emptyHeaders', env: 'GATE_EMPTY_HEADERS', schema: flag, accepts: 'true or false', fallback: 'false', help: 'Set absent identity headers to empty (Caddy before 2.9 needs it).' },
  { key: 'policyFile', env: 'GATE_POLICY_FILE', schema: text, accepts: 'a path', help: 'Rules per route (YAML), read anew when it changes and on SIGHUP; unset: any good token may pass.' },
  { key: 'dialect', env: 'GATE_DIALECT', schema: z.enum(dialects), accepts: 'forwarded, original or envoy', fallback: 'forwarded', help: 'In whose words the proxy tells what a request was: `X-Forwarded-…`, `X-Original-…`, or the auth request itself.' },
  { key: 'dpop', env: 'GATE_DPOP', schema: onOff, accepts: 'on or off', fallback: 'on', help: "Check proofs of possession (RFC 9449) and refuse a bound token without one; `off`: ignore the binding, as the server's own endpoint does." },
  { key: 'dpopProofs', env: 'GATE_DPOP_PROOFS', schema: count(1_000, 10_000_000), accepts: 'a number from 1000 to 10000000', fallback: '100000', help: 'Proofs remembered for a minute, so that none is used twice; past it requests with proofs are 503.' },
  { key: 'dpopNonce', env: 'GATE_DPOP_NONCE', schema: onOff, accepts: 'on or off', fallback: 'off', help: 'Proofs must carry a nonce that the gate gave out (RFC 9449 section 9).' },
  { key: 'dpopNonceSecret', env: 'GATE_DPOP_NONCE_SECRET', schema: z.string().regex(/^[\x20-\x7e]{16,}$/), accepts: 'printable ASCII, 16 characters or more', secret: true, help: 'Shared by replicas, so that each knows the nonces of the others; unset: random.' },
  { key: 'publicUrl', env: 'GATE_PUBLIC_URL', schema: url, accepts: 'an http or https URL without query, such as https://api.example.com/v1', help: 'Base URL that proofs are compared with, where the proxy does not tell it (a stripped prefix, another host).' },
  { key: 'logLevel', env: 'GATE_LOG_LEVEL', schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']), accepts: 'debug, info, warn, error or silent', fallback: 'info', help: 'Least level that is logged; denials are `info`.' },
  { key: 'logFormat', env: 'GATE_LOG_FORMAT', schema: z.enum(['json', 'pretty']), accepts: 'json or pretty', fallback: 'json', help: '`pretty` for people.' },
]
