import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/revocation/decide.ts'
import { decide, later, mintEvidence, tieWindow } from '../../src/revocation/decide.ts'
import type {
  Bounds,
  JudgedToken,
  Present,
  Suspicion,
  TenantKnowledge,
} from '../../src/revocation/facts.ts'
import type { Evidence } from '../../src/verdict.ts'

/** The server's time and the gate's monotonic time at which everything is judged. */
const now = 1_700_000_000_000
const tick = 1_000_000
/** Clocks that agree. */
const steady: Omit<Present, 'justAsked'> = {
  now,
  latest: now,
  monotonic: tick,
  hidden: 0,
  trustedFrom: Number.NEGATIVE_INFINITY,
}
const seconds = now / 1000
const agent = 'spiffe://zeroid.test/a/p/agent/one'
const parent = 'spiffe://zeroid.test/a/p/agent/parent'

const hybrid: Bounds = { mode: 'hybrid', maxStaleness: 30_000, clockSkew: 5_000 }

/** A token of ten minutes ago, good for an hour. */
const old: JudgedToken = {
  issuedAt: seconds - 600,
  expiresAt: seconds + 3_000,
  notBefore: undefined,
  missionId: 'mission',
  lineage: { names: [agent, parent], complete: true },
  inactive: false,
  forgotten: false,
}
const fresh = { issuedAt: seconds - 5 }
const incomplete = { lineage: { names: [agent, parent], complete: false } }

const introspected = (age: number): Evidence => ({ kind: 'introspected', at: tick - age })
const minted = (age: number): Evidence => ({ kind: 'minted', at: tick - age })

/** A suspicion from a signal created `age` milliseconds ago and heard of at once. */
const signal = (age: number, learnt = age): Suspicion => ({
  at: now - age,
  since: tick - learnt,
  settledAt: tick - learnt + Math.max(0, tieWindow - Math.max(0, age - learnt)),
})

interface Knows {
  state?: TenantKnowledge['state']
  proved?: number
  knownSince?: number
  knownFrom?: number
  marks?: Record<string, Suspicion>
  missions?: Record<string, Suspicion>
  lastRevoking?: Suspicion
  pending?: Suspicion
}

const tenant = (knows: Knows = {}): TenantKnowledge => ({
  state: knows.state ?? 'live',
  provedAt: tick - (knows.proved ?? 0),
  knownSince: knows.knownSince ?? 0,
  knownFrom: knows.knownFrom ?? Number.NEGATIVE_INFINITY,
  mark: (subject) => knows.marks?.[subject],
  mission: (id) => knows.missions?.[id],
  lastRevoking: knows.lastRevoking,
  pending: knows.pending,
})

interface Case {
  token?: Partial<JudgedToken>
  evidence?: Evidence
  /** `none`: no feed is followed. */
  knows?: Knows | 'none'
  justAsked?: boolean
  clocks?: Partial<Omit<Present, 'justAsked'>>
  mode?: Bounds['mode']
  bounds?: Partial<Bounds>
}

function judge({ token, evidence, knows, justAsked = false, clocks, mode, bounds }: Case): string {
  const present: Present = { ...steady, ...clocks, justAsked }
  const decision = decide(
    { ...old, ...token },
    evidence,
    knows === 'none' ? undefined : tenant(knows),
    present,
    { ...hybrid, ...bounds, ...(mode === undefined ? {} : { mode }) },
  )
  return gist(decision)
}

function gist(decision: Decision): string {
  if (decision.say === 'allow') return decision.renew ? 'allow and renew' : 'allow'
  return 'reason' in decision ? `${decision.say} ${decision.reason}` : decision.say
}

type Row = [title: string, given: Case, expected: string]

/** Our wall clock is a minute ahead of what the monotonic one makes of the last `Date`. */
const apart = { latest: now + 60_000, hidden: 60_000 }

const clocks: Row[] = [
  [
    'a token minted by the later reading of two clocks is not in the future',
    {
      token: { issuedAt: (now + 60_000) / 1000 },
      evidence: introspected(0),
      clocks: { latest: now + 60_000 },
    },
    'allow',
  ],
  [
    'a token that expired by the later reading alone is not refused',
    { ...expiry(20_000), clocks: { latest: now + 60_000 } },
    'allow',
  ],
  [
    'evidence may be older by what the monotonic clock missed',
    { evidence: introspected(1_000), clocks: apart },
    'ask',
  ],
  [
    'a feed may be dead for as long as the monotonic clock missed',
    { mode: 'local', clocks: apart },
    'unknown feed_not_live',
  ],
  [
    'evidence from before a suspension is none',
    { evidence: introspected(1_000), clocks: { trustedFrom: tick - 500 } },
    'ask',
  ],
  [
    'evidence from after a suspension counts',
    { evidence: introspected(400), clocks: { trustedFrom: tick - 500 } },
    'allow',
  ],
  [
    'a feed proved before a suspension is deaf',
    { mode: 'local', knows: { proved: 1_000 }, clocks: { trustedFrom: tick - 500 } },
    'unknown feed_not_live',
  ],
]

const times: Row[] = [
  ['a token that expired longer ago than the leeway is dead', expiry(-5_000), 'deny token_expired'],
  ['a token that expired within the leeway still lives', expiry(-4_999), 'allow'],
  ['a token that expires later lives', expiry(1), 'allow'],
  ['an nbf beyond the leeway may be due to what the clocks tell: asked', notBefore(5_001), 'ask'],
  [
    'an nbf that is still ahead when the server was just asked cannot be judged',
    { ...notBefore(5_001), justAsked: true },
    'unknown dated_ahead',
  ],
  [
    'an nbf beyond the leeway cannot be judged where nobody may be asked',
    { ...notBefore(5_001), mode: 'local' },
    'unknown dated_ahead',
  ],
  [
    'an nbf of next week is too early where nobody may be asked, too',
    { ...notBefore(300_001), mode: 'local' },
    'deny token_not_yet_valid',
  ],
  ['an nbf of next week is too early', notBefore(300_001), 'deny token_not_yet_valid'],
  ['an nbf within the leeway is no obstacle', notBefore(5_000), 'allow'],
  ['an nbf in the past is no obstacle', notBefore(-1), 'allow'],
  ['an iat beyond the leeway may be due to what the clocks tell: asked', issued(-6), 'ask'],
  [
    'an iat beyond the leeway cannot be judged where nobody may be asked',
    { ...issued(-6), mode: 'local' },
    'unknown dated_ahead',
  ],
  ['an iat of next week is too early', issued(-301), 'deny token_not_yet_valid'],
  [
    'a token that is early and revoked is revoked',
    { ...issued(-6), token: { ...issued(-6).token, inactive: true } },
    'deny token_inactive',
  ],
  ['an iat in the future within the leeway is no obstacle', issued(-5), 'allow'],
  [
    'an exp before iat is judged by exp',
    { token: { issuedAt: seconds, expiresAt: seconds - 100 }, evidence: introspected(0) },
    'deny token_expired',
  ],
  [
    'expiry comes before revocation',
    { ...expiry(-60_000), knows: { marks: { [agent]: signal(1_000) } } },
    'deny token_expired',
  ],
  [
    'an exp of 90 days is no reason to refuse',
    { token: { expiresAt: seconds + 90 * 86_400 }, evidence: introspected(0) },
    'allow',
  ],
  [
    'leeway 0 ends a token on the second',
    { ...expiry(0), bounds: { clockSkew: 0 } },
    'deny token_expired',
  ],
]

const inactives: Row[] = [
  ['an inactive token is dead in hybrid', { token: { inactive: true } }, 'deny token_inactive'],
  [
    'an inactive token stays dead whatever evidence is there',
    { token: { inactive: true }, evidence: introspected(0), justAsked: true },
    'deny token_inactive',
  ],
  [
    'an inactive token is dead in local',
    { token: { inactive: true }, mode: 'local' },
    'deny token_inactive',
  ],
  [
    'an inactive token is dead in live without asking again',
    { token: { inactive: true }, mode: 'live' },
    'deny token_inactive',
  ],
  [
    'an inactive token is dead without a feed',
    { token: { inactive: true }, knows: 'none' },
    'deny token_inactive',
  ],
]

const marked = { marks: { [agent]: signal(1_000) } }
const marks: Row[] = [
  ['a mark kills a token issued before it in hybrid', { knows: marked }, 'deny revoked_by_signal'],
  ['a mark kills in local', { knows: marked, mode: 'local' }, 'deny revoked_by_signal'],
  [
    'a mark kills in live without asking',
    { knows: marked, mode: 'live' },
    'deny revoked_by_signal',
  ],
  [
    'a mark kills although the server has just called the token active',
    { knows: marked, evidence: introspected(0), justAsked: true },
    'deny revoked_by_signal',
  ],
  [
    'a mark on the delegating parent kills',
    { knows: { marks: { [parent]: signal(1_000) } } },
    'deny revoked_by_signal',
  ],
  [
    'a mark on somebody else does nothing',
    { knows: { marks: { other: signal(1_000) } }, evidence: introspected(10) },
    'allow',
  ],
  [
    'a mark kills although the feed is lost',
    { knows: { ...marked, state: 'lost' }, evidence: introspected(0) },
    'deny revoked_by_signal',
  ],
  [
    'a mark kills although the feed was never proved',
    { knows: { ...marked, state: 'connecting', proved: Number.POSITIVE_INFINITY } },
    'deny revoked_by_signal',
  ],
  [
    'a mark from an earlier second does not kill a token issued clearly afterwards',
    { token: fresh, knows: { marks: { [agent]: signal(60_000) } }, evidence: introspected(10) },
    'allow',
  ],
]

/** `iat` is `second`s after the second of a signal created at 400 ms past it. */
const tied = (second: number, more: Case = {}): Case => {
  const at = now - 60_000 + 400
  const suspicion = { at, since: tick - 59_600, settledAt: tick - 57_600 }
  return {
    token: { issuedAt: (now - 60_000) / 1000 + second },
    knows: { marks: { [agent]: suspicion } },
    ...more,
  }
}
const ties: Row[] = [
  ['a token of the second before the signal is dead', tied(-1), 'deny revoked_by_signal'],
  [
    'a token of the same second is asked about',
    tied(0, { evidence: introspected(59_700), bounds: { maxStaleness: 120_000 } }),
    'ask',
  ],
  [
    'a token of the same second passes with an answer from after the window',
    tied(0, { evidence: introspected(10) }),
    'allow',
  ],
  [
    'an answer from before the signal settles nothing',
    tied(0, { evidence: introspected(59_601), justAsked: true, bounds: { maxStaleness: 120_000 } }),
    'ask',
  ],
  [
    'an answer from within the window lets the very request pass',
    tied(0, { evidence: introspected(58_000), justAsked: true, bounds: { maxStaleness: 70_000 } }),
    'allow and renew',
  ],
  [
    'an answer from within the window lets no later request pass',
    tied(0, { evidence: introspected(58_000), bounds: { maxStaleness: 70_000 } }),
    'ask',
  ],
  ['a mint within the window is no evidence', tied(1, { evidence: minted(10) }), 'ask'],
  ['a token of two seconds later is still in the window', tied(2, { evidence: minted(10) }), 'ask'],
  ['a token of three seconds later is not', tied(3, { evidence: minted(10) }), 'allow'],
  [
    'a tie without a server to ask is unknown in local',
    tied(0, { mode: 'local' }),
    'unknown tied_with_signal',
  ],
  ['a later token passes in local', tied(3, { mode: 'local' }), 'allow'],
  [
    'iat with a fraction just after the window is clear',
    {
      token: { issuedAt: (now - 8_000 + 2_001) / 1000 },
      knows: { marks: { [agent]: signal(8_000) } },
      evidence: minted(10),
    },
    'allow',
  ],
  [
    'iat with a fraction at the end of the window is tied',
    {
      token: { issuedAt: (now - 8_000 + 2_000) / 1000 },
      knows: { marks: { [agent]: signal(8_000) } },
      evidence: minted(10),
    },
    'ask',
  ],
]

const doubts: Row[] = [
  [
    'while a signal is pending the token is asked about',
    { knows: { pending: signal(100) }, evidence: introspected(1_000) },
    'ask',
  ],
  [
    'while a signal is pending an answer for this request suffices',
    { knows: { pending: signal(100) }, evidence: introspected(10), justAsked: true },
    'allow',
  ],
  [
    'while a signal is pending the same answer is not kept',
    { knows: { pending: signal(100) }, evidence: introspected(10) },
    'ask',
  ],
  [
    'an answer asked for before the pending signal does not count',
    { knows: { pending: signal(100) }, evidence: introspected(101), justAsked: true },
    'ask',
  ],
  [
    'a signal pending for long is settled by an answer from after its window',
    { knows: { pending: signal(10_000) }, evidence: introspected(10) },
    'allow',
  ],
  [
    'a pending signal does not touch a token issued clearly after it',
    { token: fresh, knows: { pending: signal(60_000) }, evidence: minted(5_000) },
    'allow',
  ],
  [
    'a pending signal is unknown in local',
    { mode: 'local', knows: { pending: signal(100) } },
    'unknown signal_pending',
  ],
  [
    'a signal that names the mission makes its tokens asked',
    { knows: { missions: { mission: signal(100) } }, evidence: introspected(1_000) },
    'ask',
  ],
  [
    'a signal that names another mission does not',
    { knows: { missions: { other: signal(100) } }, evidence: introspected(1_000) },
    'allow',
  ],
  [
    'a token without a mission is of no mission',
    {
      token: { missionId: undefined },
      knows: { missions: { undefined: signal(100) } },
      evidence: introspected(1_000),
    },
    'allow',
  ],
  [
    'a mission is settled by an answer from after the window',
    { knows: { missions: { mission: signal(10_000) } }, evidence: introspected(10) },
    'allow',
  ],
  [
    'a mission is tied in local',
    { mode: 'local', knows: { missions: { mission: signal(100) } } },
    'unknown tied_with_signal',
  ],
  [
    'any revoking signal makes a token of incomplete lineage asked',
    { token: incomplete, knows: { lastRevoking: signal(100) }, evidence: introspected(1_000) },
    'ask',
  ],
  [
    'an incomplete lineage is settled by an answer from after the window',
    { token: incomplete, knows: { lastRevoking: signal(10_000) }, evidence: introspected(10) },
    'allow',
  ],
  [
    'a token of complete lineage is not touched by a signal about somebody else',
    { knows: { lastRevoking: signal(100) }, evidence: introspected(1_000) },
    'allow',
  ],
  [
    'an incomplete lineage cannot be cleared in local',
    { mode: 'local', token: incomplete, knows: { lastRevoking: signal(60_000) } },
    'unknown tied_with_signal',
  ],
  [
    'an incomplete lineage issued after the last signal passes in local',
    { mode: 'local', token: { ...incomplete, ...fresh }, knows: { lastRevoking: signal(60_000) } },
    'allow',
  ],
  [
    'of two doubts the later one must be answered',
    {
      token: incomplete,
      knows: { lastRevoking: signal(9_000), pending: signal(100) },
      evidence: introspected(5_000),
      justAsked: true,
    },
    'ask',
  ],
  [
    'an old signal heard of late is settled at once',
    { knows: { missions: { mission: signal(60_000, 100) } }, evidence: introspected(50) },
    'allow',
  ],
]

const gaps: Row[] = [
  [
    'a token issued before what is known needs an answer from after the gap',
    { knows: { knownSince: now - 60_000, knownFrom: tick - 100 }, evidence: introspected(101) },
    'ask',
  ],
  [
    'such an answer is enough',
    { knows: { knownSince: now - 60_000, knownFrom: tick - 100 }, evidence: introspected(99) },
    'allow',
  ],
  [
    'a mint from before what is known is no evidence',
    {
      token: fresh,
      knows: { knownSince: now - 1_000, knownFrom: tick - 100 },
      evidence: minted(5_000),
    },
    'ask',
  ],
  [
    'a token issued since then is not touched by the gap',
    {
      token: fresh,
      knows: { knownSince: now - 60_000, knownFrom: tick - 100 },
      evidence: minted(5_000),
    },
    'allow',
  ],
  [
    'before the first list a mint is no evidence',
    { token: fresh, knows: { knownSince: Number.POSITIVE_INFINITY }, evidence: minted(5_000) },
    'ask',
  ],
  [
    'before the first list an answer is',
    { knows: { knownSince: Number.POSITIVE_INFINITY }, evidence: introspected(10) },
    'allow',
  ],
  [
    'a token issued before what is known is unknown in local',
    { mode: 'local', knows: { knownSince: now - 60_000 } },
    'unknown issued_before_known',
  ],
  [
    'a token issued since then passes in local',
    { mode: 'local', token: fresh, knows: { knownSince: now - 60_000 } },
    'allow',
  ],
]

const ages: Row[] = [
  ['a token of which nothing is known is asked about', {}, 'ask'],
  ['without a feed too', { knows: 'none' }, 'ask'],
  ['evidence of half the bound is used as it is', { evidence: introspected(15_000) }, 'allow'],
  ['older evidence is used and renewed', { evidence: introspected(15_001) }, 'allow and renew'],
  ['evidence of just the bound is used', { evidence: introspected(30_000) }, 'allow and renew'],
  ['evidence older than the bound is not', { evidence: introspected(30_001) }, 'ask'],
  ['a mint counts from the minting', { token: fresh, evidence: minted(5_000) }, 'allow'],
  ['a mint older than half the bound is renewed', { evidence: minted(20_000) }, 'allow and renew'],
  ['a mint older than the bound is not used', { evidence: minted(30_001) }, 'ask'],
  ['without a feed a mint is no evidence', { evidence: minted(10), knows: 'none' }, 'ask'],
  ['without a feed an answer is', { evidence: introspected(10), knows: 'none' }, 'allow'],
  [
    'without a feed an answer ages the same',
    { evidence: introspected(30_001), knows: 'none' },
    'ask',
  ],
  [
    'a lost feed does not age an answer',
    { evidence: introspected(10), knows: { state: 'lost', proved: 1e9 } },
    'allow',
  ],
  ['a tighter bound holds', { evidence: introspected(501), bounds: { maxStaleness: 500 } }, 'ask'],
]

const lives: Row[] = [
  ['live asks for every request', { mode: 'live', evidence: introspected(1) }, 'ask'],
  ['live asks at first sight', { mode: 'live' }, 'ask'],
  [
    'live passes the request it asked for',
    { mode: 'live', evidence: introspected(10), justAsked: true },
    'allow',
  ],
  [
    'live passes it without a feed',
    { mode: 'live', evidence: introspected(10), justAsked: true, knows: 'none' },
    'allow',
  ],
  [
    'live asks again where a signal came after the answer was asked for',
    {
      mode: 'live',
      evidence: introspected(200),
      justAsked: true,
      knows: { pending: signal(100) },
    },
    'ask',
  ],
]

const locals: Row[] = [
  ['local passes by signature and signals alone', { mode: 'local' }, 'allow'],
  [
    'local passes up to the bound after the last proof of life',
    { mode: 'local', knows: { proved: 30_000 } },
    'allow',
  ],
  [
    'local cannot tell past it',
    { mode: 'local', knows: { proved: 30_001 } },
    'unknown feed_not_live',
  ],
  [
    'local cannot tell before the first proof',
    { mode: 'local', knows: { proved: Number.POSITIVE_INFINITY } },
    'unknown feed_not_live',
  ],
  ['local cannot tell without a feed', { mode: 'local', knows: 'none' }, 'unknown feed_not_live'],
  [
    'local never asks, whatever evidence is there',
    { mode: 'local', knows: { proved: 30_001 }, evidence: introspected(0), justAsked: true },
    'unknown feed_not_live',
  ],
]

describe('decide', () => {
  describe('times', () => it.each(times)('%s', check))
  describe('clocks that disagree', () => it.each(clocks)('%s', check))
  describe('inactive', () => it.each(inactives)('%s', check))
  describe('marks', () => it.each(marks)('%s', check))
  describe('ties', () => it.each(ties)('%s', check))
  describe('doubts', () => it.each(doubts)('%s', check))
  describe('gaps', () => it.each(gaps)('%s', check))
  describe('age of evidence', () => it.each(ages)('%s', check))
  describe('live', () => it.each(lives)('%s', check))
  describe('local', () => it.each(locals)('%s', check))

  describe('whatever else holds', () => {
    it('never allows a token issued in an earlier second than a mark on its lineage', () => {
      fc.assert(
        fc.property(cases, fc.integer({ min: 0, max: 500_000 }), (given, age) => {
          const knows = given.knows === 'none' ? {} : given.knows
          const said = judge({ ...given, knows: { ...knows, marks: { [parent]: signal(age) } } })
          expect(said).toMatch(/^deny /)
        }),
      )
    })

    it('never allows in hybrid on evidence older than the bound', () => {
      fc.assert(
        fc.property(cases, fc.integer({ min: 30_001, max: 1e9 }), (given, age) => {
          const evidence = introspected(age)
          expect(judge({ ...given, mode: 'hybrid', evidence })).not.toMatch(/^allow/)
        }),
      )
    })

    it('never asks in local, and never calls anything unknown elsewhere', () => {
      fc.assert(
        fc.property(cases, (given) => {
          expect(judge({ ...given, mode: 'local' })).not.toBe('ask')
          expect(judge({ ...given, mode: 'hybrid' })).not.toMatch(/^unknown/)
          expect(judge({ ...given, mode: 'live' })).not.toMatch(/^unknown/)
        }),
      )
    })

    it('is not made milder by one more suspicion', () => {
      fc.assert(
        fc.property(cases, fc.integer({ min: 0, max: 700_000 }), (given, age) => {
          const knows = given.knows === 'none' || given.knows === undefined ? {} : given.knows
          const more = { ...knows, pending: later(knows.pending, signal(age)) as Suspicion }
          const allowed = judge({ ...given, knows: more }).startsWith('allow')
          if (allowed) expect(judge({ ...given, knows })).toMatch(/^allow/)
        }),
      )
    })
  })
})

const cases: fc.Arbitrary<Case> = fc.record({
  evidence: fc.oneof(fc.nat(40_000).map(introspected), fc.nat(40_000).map(minted)),
  justAsked: fc.boolean(),
  mode: fc.constantFrom('hybrid' as const, 'local' as const, 'live' as const),
  token: fc.record({
    lineage: fc.boolean().map((complete) => ({ names: [agent, parent], complete })),
  }),
  knows: fc.record(
    {
      state: fc.constantFrom('live' as const, 'lost' as const, 'connecting' as const),
      proved: fc.nat(60_000),
      knownSince: fc.nat(700_000).map((age) => now - age),
      knownFrom: fc.nat(60_000).map((age) => tick - age),
      lastRevoking: fc.nat(700_000).map((age) => signal(age)),
      pending: fc.nat(700_000).map((age) => signal(age)),
    },
    { requiredKeys: [] },
  ),
})

describe('mintEvidence', () => {
  const rows: [string, Case & { age: number }, number | undefined][] = [
    ['a token of five seconds ago is evidence of then', { age: 5_000 }, 5_000],
    ['a token of this second is evidence of now', { age: 0 }, 0],
    ['a token from within the leeway ahead is evidence of now, not of later', { age: -5_000 }, 0],
    ['a token from further ahead is none', { age: -5_001 }, undefined],
    ['a token just younger than half the bound is', { age: 14_999 }, 14_999],
    ['a token of half the bound is not', { age: 15_000 }, undefined],
    ['not in live', { age: 1_000, mode: 'live' }, undefined],
    ['not in local', { age: 1_000, mode: 'local' }, undefined],
    ['not without a feed', { age: 1_000, knows: 'none' }, undefined],
    ['not while the feed connects', { age: 1_000, knows: { state: 'connecting' } }, undefined],
    ['not while the feed is lost', { age: 1_000, knows: { state: 'lost' } }, undefined],
    [
      'not where less is known than its life',
      { age: 1_000, knows: { knownSince: now } },
      undefined,
    ],
    ['but where as much is known', { age: 1_000, knows: { knownSince: now - 3_000 } }, 1_000],
    [
      'not where a signal from before what is known may concern it',
      { age: 1_000, knows: { knownSince: now - 2_999 } },
      undefined,
    ],
    [
      'not before the first list',
      { age: 0, knows: { knownSince: Number.POSITIVE_INFINITY } },
      undefined,
    ],
  ]

  it.each(rows)('%s', (_title, { age, mode = 'hybrid', knows }, expected) => {
    const evidence = mintEvidence(
      { ...old, issuedAt: (now - age) / 1000 },
      knows === 'none' ? undefined : tenant(knows),
      { ...steady, justAsked: false },
      { ...hybrid, mode },
    )
    expect(evidence).toEqual(
      expected === undefined ? undefined : { kind: 'minted', at: tick - expected },
    )
  })
})

describe('later', () => {
  it('takes the latest of each time', () => {
    const a = { at: 1, since: 9, settledAt: 5 }
    const b = { at: 2, since: 3, settledAt: 8 }
    expect(later(a, b)).toEqual({ at: 2, since: 9, settledAt: 8 })
    expect(later(a, undefined)).toBe(a)
    expect(later(undefined, b)).toBe(b)
    expect(later(undefined, undefined)).toBeUndefined()
  })
})

function check(_title: string, given: Case, expected: string): void {
  expect(judge(given)).toBe(expected)
}

function expiry(left: number): Case {
  return { token: { expiresAt: (now + left) / 1000 }, evidence: introspected(10) }
}

function notBefore(ahead: number): Case {
  return { token: { notBefore: (now + ahead) / 1000 }, evidence: introspected(10) }
}

function issued(secondsAgo: number): Case {
  return { token: { issuedAt: seconds - secondsAgo }, evidence: introspected(10) }
}
