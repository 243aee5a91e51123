import fc from 'fast-check'
import type { Profile } from '../../src/emulator/index.ts'
import type { Mode } from '../../src/revocation/facts.ts'

/** The bounds and habits of one walk; milliseconds. */
export interface Terrain {
  readonly mode: Mode
  readonly maxStaleness: number
  readonly signalPoll: number
  readonly streamRenew: number
  readonly clockSkew: number
  /** Few: tokens are forgotten and seen again. */
  readonly cacheTokens: number
  readonly tenants: 'auto' | 'named'
  /** Few: a burst overflows the stream. */
  readonly streamQueue: number
  /** Real milliseconds until a stream goes deaf; 0 is never. */
  readonly streamDeafAfter: number
  /** Real milliseconds from a signal's row to its revocation. */
  readonly revokeDelay: number
}

/** Indexes count from the newest, modulo what there is, so that every sequence can be walked. */
export type Operation =
  | {
      readonly do: 'mint'
      readonly agent: number
      readonly profile: Profile
      readonly grant: 'client_credentials' | 'api_key'
      readonly scopes: readonly string[]
      readonly ttl: number
      /** On a user's authority (rfc8693). */
      readonly user: boolean
    }
  /** From hand to hand, beginning with a token that lives. */
  | { readonly do: 'delegate'; readonly token: number; readonly agents: readonly number[] }
  | {
      readonly do: 'check'
      readonly token: number
      readonly times: number
      /** Otherwise it runs beside the next operations. */
      readonly wait: boolean
    }
  | {
      readonly do: 'signal'
      readonly whom: Whom
      readonly agent: number
      readonly severity: string
      readonly type: string
      /** Names the mission of this token. */
      readonly mission: number | undefined
      /** Another replica takes it: the list has it, and no stream. */
      readonly replica: boolean
      /** For the revocation, for the gate to hear of it (before it where it is delayed), or not. */
      readonly wait: 'revoked' | 'heard' | 'no'
    }
  | { readonly do: 'burst'; readonly agent: number; readonly count: number }
  | { readonly do: 'revoke'; readonly token: number }
  | { readonly do: 'deactivate' | 'expire' | 'activate'; readonly agent: number }
  | { readonly do: 'rotate keys'; readonly drop: boolean }
  | { readonly do: 'streams'; readonly how: StreamHabit }
  | { readonly do: PlainWord }
  | { readonly do: 'fault'; readonly route: FaultyRoute; readonly how: FaultKind }
  | {
      readonly do: 'advance'
      readonly ms: number
      /** In one leap, without waiting for what is on its way. */
      readonly rush: boolean
    }
  /** Sets the gate's wall clock this far from the server's. */
  | { readonly do: 'step the gate'; readonly ahead: number }
  | { readonly do: 'step the server'; readonly ms: number }
  /** The gate's machine sleeps: its monotonic clock stands still, all others go on. */
  | { readonly do: 'suspend'; readonly ms: number }

type PlainWord = 'pause' | 'resume' | 'mend' | 'reopen the gate' | 'check all' | 'settle'
export type Whom = 'agent' | 'foreigner' | 'stranger' | 'nobody'

const streamHabits = [
  'close',
  'reset',
  'deafen',
  'half-open',
  'silent',
  'duplicate',
  'reorder',
  'delay',
  'normal',
] as const
export type StreamHabit = (typeof streamHabits)[number]

const faultyRoutes = ['signals', 'identities', 'introspect', 'stream', 'jwks', '*'] as const
export type FaultyRoute = (typeof faultyRoutes)[number]

const faultKinds = [
  '503',
  '503 once',
  'reset',
  'reset once',
  'delay',
  'refused',
  'garbage',
] as const
export type FaultKind = (typeof faultKinds)[number]

const severities = ['critical', 'high', 'medium', 'low'] as const
const signalTypes = [
  'anomalous_behavior',
  'credential_change',
  'session_revoked',
  'ip_change',
  'policy_violation',
  'retirement',
  'identity_expired',
  'owner_change',
  'policy_drift',
] as const

const agent: fc.Arbitrary<number> = fc.nat(5)
const recent: fc.Arbitrary<number> = fc.oneof(fc.nat(3), fc.nat(30))

const mint: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('mint' as const),
  agent,
  profile: fc.constantFrom<Profile[]>('legacy', 'rfc8693'),
  grant: fc.constantFrom('client_credentials' as const, 'api_key' as const),
  scopes: fc.constantFrom(['data:read'], ['data:read', 'data:write'], ['nhi:manage']),
  ttl: fc.constantFrom(3_600, 3_600, 3_600, 3_600, 3_600, 20, 4),
  user: fc.boolean(),
})
const delegate: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('delegate' as const),
  token: recent,
  agents: fc.array(agent, { minLength: 1, maxLength: 3 }),
})
const check: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('check' as const),
  token: recent,
  times: fc.constantFrom(1, 1, 1, 3),
  wait: fc.constantFrom(true, true, true, false),
})
const signal: fc.Arbitrary<Extract<Operation, { do: 'signal' }>> = fc.record({
  do: fc.constant('signal' as const),
  whom: fc.oneof(
    { arbitrary: fc.constant<Whom>('agent'), weight: 20 },
    { arbitrary: fc.constantFrom<Whom[]>('foreigner', 'stranger'), weight: 4 },
    { arbitrary: fc.constant<Whom>('nobody'), weight: 1 },
  ),
  agent,
  severity: fc.constantFrom(...severities),
  type: fc.constantFrom(...signalTypes),
  mission: fc.option(recent, { nil: undefined, freq: 4 }),
  replica: fc.constantFrom(false, false, true),
  wait: fc.constantFrom('revoked' as const, 'heard' as const, 'no' as const),
})
const burst: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('burst' as const),
  agent,
  count: fc.oneof(
    { arbitrary: fc.integer({ min: 5, max: 40 }), weight: 5 },
    // More than the list shows: what came before is known no more.
    { arbitrary: fc.constant(520), weight: 1 },
  ),
})
const revoke: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('revoke' as const),
  token: recent,
})
const lifecycle: fc.Arbitrary<Operation> = fc.record({
  do: fc.constantFrom('deactivate' as const, 'expire' as const, 'activate' as const),
  agent,
})
const rotate: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('rotate keys' as const),
  drop: fc.constantFrom(false, false, true),
})
const streams: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('streams' as const),
  how: fc.constantFrom(...streamHabits),
})
const fault: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('fault' as const),
  route: fc.constantFrom(...faultyRoutes),
  how: fc.constantFrom(...faultKinds),
})
const plain = (word: PlainWord): fc.Arbitrary<Operation> => fc.constant({ do: word })
const advance = (milliseconds: fc.Arbitrary<number>): fc.Arbitrary<Operation> =>
  fc.record({
    do: fc.constant('advance' as const),
    ms: milliseconds,
    rush: fc.constantFrom(false, false, true),
  })
const stepGate: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('step the gate' as const),
  ahead: fc.constantFrom(0, 300, -300, 900, -900, 4_000, -4_000, 6_500, -6_500, 120_000, -120_000),
})
const stepServer: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('step the server' as const),
  ms: fc.constantFrom(500, 4_000, 120_000),
})

const suspend: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('suspend' as const),
  ms: fc.constantFrom(4_000, 31_000, 120_000),
})

/** Everything that may happen to a gate. */
export const anything: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: mint, weight: 16 },
  { arbitrary: delegate, weight: 16 },
  { arbitrary: check, weight: 50 },
  { arbitrary: plain('check all'), weight: 6 },
  { arbitrary: signal, weight: 14 },
  { arbitrary: burst, weight: 1 },
  { arbitrary: revoke, weight: 6 },
  { arbitrary: lifecycle, weight: 5 },
  { arbitrary: rotate, weight: 1 },
  { arbitrary: streams, weight: 10 },
  { arbitrary: plain('pause'), weight: 2 },
  { arbitrary: plain('resume'), weight: 4 },
  { arbitrary: fault, weight: 6 },
  { arbitrary: plain('mend'), weight: 6 },
  { arbitrary: plain('reopen the gate'), weight: 1 },
  { arbitrary: plain('settle'), weight: 1 },
  { arbitrary: advance(fc.integer({ min: 1, max: 1_500 })), weight: 20 },
  { arbitrary: advance(fc.integer({ min: 2_000, max: 31_000 })), weight: 5 },
  { arbitrary: stepGate, weight: 3 },
  { arbitrary: stepServer, weight: 1 },
  { arbitrary: suspend, weight: 1 },
)

/** Mints and signals within one second or two, where `iat` cannot tell before from after. */
export const closeTogether: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: mint, weight: 20 },
  { arbitrary: delegate, weight: 20 },
  { arbitrary: check, weight: 40 },
  { arbitrary: plain('check all'), weight: 6 },
  { arbitrary: signal, weight: 20 },
  { arbitrary: lifecycle, weight: 6 },
  { arbitrary: advance(fc.integer({ min: 1, max: 500 })), weight: 20 },
)

/** Every signal goes to another replica, and time passes: only the poll can bring it. */
export const elsewhere: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: mint, weight: 20 },
  { arbitrary: delegate, weight: 20 },
  { arbitrary: check, weight: 40 },
  { arbitrary: plain('check all'), weight: 15 },
  { arbitrary: signal.map((one) => ({ ...one, replica: true })), weight: 10 },
  { arbitrary: advance(fc.integer({ min: 500, max: 6_000 })), weight: 20 },
)

type Periods = Pick<Terrain, 'maxStaleness' | 'signalPoll' | 'streamRenew'>

/** No renewal reads the list: what the stream does not bring, only the poll can. */
export const neverRenewed: Periods = {
  maxStaleness: 30_000,
  signalPoll: 2_000,
  streamRenew: 3_600_000,
}
const anyPeriods: readonly Periods[] = [
  { maxStaleness: 30_000, signalPoll: 5_000, streamRenew: 10_000 },
  { maxStaleness: 10_000, signalPoll: 2_000, streamRenew: 3_000 },
  { maxStaleness: 4_000, signalPoll: 500, streamRenew: 1_000 },
  neverRenewed,
]

const terrainOf = (
  mode: Mode,
  revokeDelay: fc.Arbitrary<number>,
  periods: readonly Periods[],
): fc.Arbitrary<Terrain> =>
  fc
    .record({
      periods: fc.constantFrom(...periods),
      clockSkew: fc.constantFrom(5_000, 1_000),
      cacheTokens: fc.constantFrom(100_000, 100_000, 4),
      tenants: fc.constantFrom('auto' as const, 'named' as const),
      streamQueue: fc.constantFrom(100, 3),
      streamDeafAfter: fc.constantFrom(0, 0, 20),
      revokeDelay,
    })
    .map(({ periods, ...rest }) => ({ mode, ...periods, ...rest }))

/** One walk: where, and what happens. */
export interface Walk {
  readonly terrain: Terrain
  readonly operations: readonly Operation[]
}

/**
 * @param mode of the gate
 * @param operation what may happen
 * @param delays whether signals are always written before they revoke
 * @param periods what they may be
 */
export function walks(
  mode: Mode,
  operation: fc.Arbitrary<Operation> = anything,
  delays: readonly number[] = [0, 0, 15],
  periods: readonly Periods[] = anyPeriods,
): fc.Arbitrary<Walk> {
  return fc.noBias(
    fc.record({
      terrain: terrainOf(mode, fc.constantFrom(...delays), periods),
      operations: fc.array(operation, { maxLength: 300, size: 'max' }),
    }),
  )
}
