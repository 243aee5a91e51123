import type { Clock } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import type { Mode } from '../revocation/facts.ts'

/** A tenant: `account_id` and `project_id`. */
export interface Tenant {
  readonly accountId: string
  readonly projectId: string
}

/** How a gate is made. Only `url` is required; times are milliseconds. */
export interface GateOptions {
  /** Base URL of the ZeroID server. */
  readonly url: string
  /** Expected `iss`; default: discovered from the server's metadata. */
  readonly issuer?: string | undefined
  /** Where the admin routes are mounted, default `/api/v1`. */
  readonly adminPrefix?: string | undefined
  /** The only tenants let in; default `auto`: any tenant of the issuer. */
  readonly tenants?: 'auto' | readonly Tenant[] | undefined
  /** API key for the admin routes, exchanged for tokens by the gate. */
  readonly apiKey?: string | undefined
  /** Static bearer token for the admin routes. */
  readonly adminToken?: string | undefined
  /** Client for introspection; needs `clientSecret`. */
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  /** PEM file with further certificate authorities. */
  readonly caFile?: string | undefined
  /** Where an allow takes its evidence from, default `hybrid`. */
  readonly mode?: Mode | undefined
  /** Follow the signal stream, default true. */
  readonly signals?: boolean | undefined
  /** No allow rests on older evidence, default 30 000. */
  readonly maxStaleness?: number | undefined
  /** How often the signal list is read, default 5 000. */
  readonly signalPoll?: number | undefined
  /** When a stream is replaced, before the server's write deadline; default 10 000. */
  readonly streamRenew?: number | undefined
  /** Introspections in flight at most, default 64. */
  readonly introspectConcurrency?: number | undefined
  /** What becomes of a verified token that nothing recent is known of; default `deny` (503). */
  readonly onUnknown?: 'deny' | 'allow' | undefined
  /** Accepted `aud` values; default: not checked. */
  readonly audience?: readonly string[] | undefined
  /** Leeway on `exp`, `nbf` and `iat`, default 5 000. */
  readonly clockSkew?: number | undefined
  /** How long marks are kept, default 24 hours. */
  readonly maxTokenLifetime?: number | undefined
  /** Tokens remembered, default 100 000. */
  readonly cacheTokens?: number | undefined
  /** Feeds open at once, default 256. */
  readonly maxTenants?: number | undefined
  /**
   * Check proofs of possession and refuse a bound token without one (RFC 9449); default true. False:
   * as the server's own endpoint does, which ignores the binding.
   */
  readonly dpop?: boolean | undefined
  /** Proofs remembered at most, so that none is used twice; default 100 000. */
  readonly dpopProofs?: number | undefined
  /** Proofs must carry a nonce of ours (RFC 9449 §9), default false. */
  readonly dpopNonce?: boolean | undefined
  /** Shared by all replicas, so that each knows the nonces of the others; default: random. */
  readonly dpopNonceSecret?: string | undefined
  /** Base URL under which clients reach what the gate protects, where the proxy does not tell it. */
  readonly publicUrl?: string | undefined
  /** Told what happens; default: nobody. */
  readonly observer?: Observer | undefined
  /** Time; default: the system's. */
  readonly clock?: Clock | undefined
}

/** What an option must be, and whether a value is that. */
type Rule = readonly [accepts: string, fits: (value: unknown) => boolean]

const url: Rule = ['an http or https URL without credentials or query', isBaseUrl]
const text: Rule = ['a text that is not empty', isText]
const secret: Rule = ['printable ASCII', (value) => isText(value) && /^[\x20-\x7e]+$/.test(value)]
const flag: Rule = ['true or false', (value) => typeof value === 'boolean']
const milliseconds: Rule = [
  'a positive number of milliseconds',
  (value) => Number.isFinite(value) && Number(value) > 0,
]
const count: Rule = [
  'a positive whole number',
  (value) => Number.isSafeInteger(value) && Number(value) > 0,
]

const rules: Readonly<Record<keyof GateOptions, Rule>> = {
  url,
  issuer: [
    'an http or https URL',
    (value) => isText(value) && /^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/.test(value),
  ],
  adminPrefix: ['a path', (value) => typeof value === 'string' && /^(\/[\w.~-]+)*$/.test(value)],
  tenants: ['"auto" or a list of { accountId, projectId }', isTenants],
  apiKey: secret,
  adminToken: secret,
  clientId: text,
  clientSecret: secret,
  caFile: text,
  mode: oneOf('hybrid', 'local', 'live'),
  signals: flag,
  maxStaleness: milliseconds,
  signalPoll: milliseconds,
  streamRenew: milliseconds,
  introspectConcurrency: count,
  onUnknown: oneOf('deny', 'allow'),
  audience: ['a list of texts', (value) => isList(value) && value.every(isText)],
  // Without an end the leeway would keep expired tokens alive.
  clockSkew: [
    'a number of milliseconds from 0 to 30000',
    (value) => Number.isFinite(value) && Number(value) >= 0 && Number(value) <= 30_000,
  ],
  maxTokenLifetime: milliseconds,
  cacheTokens: count,
  maxTenants: count,
  dpop: flag,
  dpopProofs: count,
  dpopNonce: flag,
  dpopNonceSecret: ['printable ASCII, 16 characters or more', isLongSecret],
  publicUrl: url,
  observer: ['an object', (value) => typeof value === 'object' && value !== null],
  clock: ['a clock', isClock],
}

/**
 * @param options as the user gave them
 * @throws TypeError that names the option: a wrong option must stop the start, not the first
 *   request, and a misspelt one would silently leave a default in force
 */
export function assertOptions(options: GateOptions): void {
  if (typeof options !== 'object' || options === null || options.url === undefined) {
    throw new TypeError('"url" option must be the base URL of a ZeroID server')
  }
  for (const [name, value] of Object.entries(options)) {
    const unknown = unknownOption(name)
    if (unknown !== undefined) throw new TypeError(unknown)
    const [accepts, fits] = rules[name as keyof GateOptions]
    if (value === undefined || fits(value)) continue
    throw new TypeError(`"${name}" option must be ${accepts}`)
  }
  if ((options.clientId === undefined) !== (options.clientSecret === undefined)) {
    throw new TypeError('"clientId" and "clientSecret" options go together')
  }
  if (options.mode === 'local' && options.signals === false) {
    throw new TypeError(
      '"mode" option "local" needs "signals": nothing else would see a revocation',
    )
  }
}

/**
 * @param name of an option
 * @returns undefined where there is such an option, else what to say of it
 */
export function unknownOption(name: string): string | undefined {
  if (Object.hasOwn(rules, name)) return undefined
  const hint =
    name === 'policyFile' ? ': "policy" of the middleware takes the path or the rules' : ''
  return `"${name}" is no option of the gate${hint}`
}

function oneOf(...values: readonly string[]): Rule {
  const quoted = values.map((value) => `"${value}"`)
  return [quoted.join(' or '), (value) => typeof value === 'string' && values.includes(value)]
}

function isBaseUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, username, password, search, hash } = new URL(value)
  return /^https?:$/.test(protocol) && username + password + search + hash === ''
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isLongSecret(value: unknown): boolean {
  return isText(value) && /^[\x20-\x7e]{16,}$/.test(value)
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0
}

function isTenants(value: unknown): boolean {
  if (value === 'auto') return true
  return isList(value) && value.every(isTenant)
}

function isTenant(value: unknown): boolean {
  const tenant = value as Partial<Tenant> | null
  return isText(tenant?.accountId) && isText(tenant?.projectId)
}

function isClock(value: unknown): boolean {
  const clock = value as Partial<Clock> | null
  return [clock?.now, clock?.monotonic, clock?.after].every((fn) => typeof fn === 'function')
}
