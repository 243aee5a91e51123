import { describe, expect, it } from 'vitest'
import type { ServerClock } from '../../src/clock.ts'
import type { Resolution } from '../../src/revocation/identities.ts'
import { createIntake } from '../../src/revocation/intake.ts'
import { createKnowledge } from '../../src/revocation/knowledge.ts'
import { parseSignal } from '../../src/revocation/signal.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { createFeedRecorder, demo } from '../helpers/follow.ts'

const identity = '4f1c2f0e-6b1c-4f5e-9d55-8f0a4c6d2b11'
const subject = 'spiffe://zeroid.test/agent/one'

/** An intake whose server says `date`; `known` identities are resolved at once, others by hand. */
function setUp(
  options: {
    date?: number | 'never'
    known?: boolean
    stale?: boolean
    apart?: number
    maxPending?: number
  } = {},
) {
  const clock = createFakeClock(1_700_000_000_400)
  const seen = createFeedRecorder()
  const knowledge = createKnowledge({ maxPending: options.maxPending ?? 100 })
  knowledge.covered(0, clock.monotonic())
  const waiting: { id: string; done: (resolution: Resolution) => void }[] = []
  const date = options.date ?? clock.now()
  const serverClock: ServerClock = {
    read: () => ({ now: clock.now(), latest: clock.now(), hidden: 0 }),
    now: () => clock.now(),
    latest: () => clock.now(),
    trustedFrom: () => Number.NEGATIVE_INFINITY,
    offset: () => 0,
    date: () => (date === 'never' ? undefined : date),
    earliest: () => (date === 'never' ? undefined : date - (options.apart ?? 0)),
    spread: () => options.apart ?? 0,
    observe: () => {},
  }
  const intake = createIntake({
    tenant: demo,
    label: 'demo',
    knowledge,
    identities: {
      known: () => (options.known ? { subject, stale: options.stale ?? false } : undefined),
      resolve: (id, done) => void waiting.push({ id, done }),
      close: () => {},
    },
    clock,
    serverClock,
    observer: seen.observer,
  })
  let serial = 0
  const row = (changed: Record<string, unknown> = {}): Record<string, unknown> => ({
    id: `signal-${++serial}`,
    account_id: demo.accountId,
    project_id: demo.projectId,
    identity_id: identity,
    severity: 'high',
    created_at: new Date(clock.now()).toISOString(),
    ...changed,
  })
  const event = (changed?: Record<string, unknown>): boolean =>
    intake.event(JSON.stringify(row(changed)))
  const listed = (...entries: Record<string, unknown>[]): void =>
    intake.page(
      entries.map((entry) => parseSignal(entry) ?? expect.fail()),
      [],
    )
  return { clock, seen, knowledge, waiting, intake, row, event, listed }
}

describe('the date of a suspicion', () => {
  const now = 1_700_000_000_400
  const rows: [string, string, number | 'never', number, number, number?][] = [
    ['is that of the signal', iso(now - 300), now, now - 300, 1_700],
    [
      'is that of the signal a second ahead of Date, which has seconds only',
      iso(now + 1_000),
      now,
      now + 1_000,
      2_000,
    ],
    [
      'is the Date where the signal is further ahead',
      iso(now + 1_001),
      now,
      now,
      2_000,
      now + 1_001,
    ],
    ['is the Date where the signal is of another century', '2126-01-01T00:00:00Z', now, now, 2_000],
    ['is the Date where the signal has none', 'soon', now, now, 2_000],
    [
      'is the Date, not our clock, where the two differ',
      'soon',
      now + 120_000,
      now + 120_000,
      2_000,
    ],
    [
      'is that of the signal though our clock is behind',
      iso(now + 119_000),
      now + 120_000,
      now + 119_000,
      1_000,
    ],
    ['of long ago is settled at once', iso(now - 60_000), now, now - 60_000, 0, now],
    [
      'is that of the signal where there was never a Date',
      iso(now + 120_000),
      'never',
      now + 120_000,
      2_000,
    ],
    ['is our clock only where there is nothing else', 'soon', 'never', now, 2_000],
  ]

  it.each(rows)('%s', (_title, created_at, date, at, unsettled, upTo) => {
    const { event, knowledge, clock } = setUp({ date, known: true })
    event({ created_at })
    const since = clock.monotonic()
    expect(knowledge.mark(subject)).toEqual({ at, upTo, since, settledAt: since + unsettled })
  })

  it('throws doubt on what another replica may have dated, as far as they differ', () => {
    const { event, knowledge } = setUp({ date: now, known: true, apart: 4_000 })
    event({ created_at: iso(now - 4_100) })
    expect(knowledge.mark(subject)?.upTo).toBe(now - 100)
  })

  it.each([
    ['a second and more ahead of Date: up to its own date', 1_001, 'event', 1_001],
    ['five minutes ahead of Date: up to its own date', 300_000, 'event', 300_000],
    ['further ahead: up to Date', 300_001, 'event', undefined],
    ['old, and new on the stream: up to Date', -2_001, 'event', 0],
    ['five minutes old, and new on the stream: up to Date', -300_000, 'event', 0],
    ['older: up to its own date', -300_001, 'event', undefined],
    ['old, and out of the list: up to its own date', -2_001, 'listed', undefined],
    ['of now: up to its own date', -100, 'event', undefined],
  ] as const)('throws doubt, where it is %s', (_title, ahead, via, upTo) => {
    const { event, listed, row, knowledge } = setUp({ date: now, known: true })
    const signal = { created_at: iso(now + ahead) }
    if (via === 'event') event(signal)
    else listed(row(signal))
    expect(knowledge.mark(subject)?.upTo).toBe(upTo === undefined ? undefined : now + upTo)
  })
})

it('a signal is as young as the replica with the slowest clock makes it', () => {
  const { event, knowledge, clock } = setUp({ known: true, apart: 3_000 })
  event({ created_at: iso(clock.now() - 3_000) })
  expect(knowledge.mark(subject)?.settledAt).toBe(clock.monotonic() + 2_000)
})

describe('intake', () => {
  it('takes a signal once, from wherever it comes first', () => {
    const { intake, row, listed, seen, knowledge } = setUp({ known: true })
    const signal = row()
    intake.event(JSON.stringify(signal))
    listed(signal, signal)
    intake.event(JSON.stringify(signal))
    expect(seen.signals).toEqual(['revoking by stream'])
    expect(knowledge.markCount()).toBe(1)
  })

  it.each([
    ['account', { account_id: 'other' }],
    ['project', { project_id: 'other' }],
    ['colon in the account', { account_id: 'acct-demo:proj-demo', project_id: '' }],
    ['prefix', { project_id: 'proj-demo:more' }],
    ['case', { account_id: 'ACCT-DEMO' }],
  ])('leaves the signal of another tenant alone: %s', (_title, changed) => {
    const { event, knowledge, waiting, seen } = setUp()
    event(changed)
    expect(waiting).toEqual([])
    expect(knowledge.lastRevoking).toBeUndefined()
    expect(seen.signals.filter((signal) => signal.startsWith('revoking'))).toEqual([])
  })

  it('does not let a foreign signal take the place of an own one of the same id', () => {
    const { event, knowledge } = setUp({ known: true })
    event({ id: 'same', account_id: 'other' })
    event({ id: 'same' })
    expect(knowledge.markCount()).toBe(1)
  })

  it('suspects the tenant until the identity is found, then the subject alone', () => {
    const { event, knowledge, waiting } = setUp()
    event()
    expect(knowledge.pending).toBeDefined()
    expect(knowledge.mark(subject)).toBeUndefined()
    waiting[0]?.done({ kind: 'subject', subject })
    expect(knowledge.pending).toBeUndefined()
    expect(knowledge.mark(subject)).toBeDefined()
  })

  it('drops the suspicion of an identity that is foreign, and counts it', () => {
    const { event, knowledge, waiting, seen } = setUp()
    event()
    waiting[0]?.done({ kind: 'foreign' })
    expect(knowledge.pending).toBeUndefined()
    expect(knowledge.markCount()).toBe(0)
    expect(seen.signals).toContain('other_identity by stream')
  })

  it('marks an old name at once, and asks about everybody until it is looked up again', () => {
    const { event, knowledge, waiting } = setUp({ known: true, stale: true })
    event()
    expect(knowledge.mark(subject)).toBeDefined()
    expect(knowledge.pending).toBeDefined()
    waiting[0]?.done({ kind: 'subject', subject: 'spiffe://zeroid.test/agent/renamed' })
    expect(knowledge.mark('spiffe://zeroid.test/agent/renamed')).toEqual(knowledge.mark(subject))
    expect(knowledge.pending).toBeUndefined()
  })

  it('keeps the mark on an old name whatever the look-up says', () => {
    const { event, knowledge, waiting } = setUp({ known: true, stale: true })
    event()
    event()
    waiting[0]?.done({ kind: 'subject', subject })
    waiting[1]?.done({ kind: 'foreign' })
    expect(knowledge.mark(subject)).toBeDefined()
    expect(knowledge.pending).toBeUndefined()
  })

  it('looks up no more identities than may be pending', () => {
    const { event, knowledge, waiting } = setUp({ maxPending: 3 })
    for (let turn = 0; turn < 50; turn++) event()
    expect(waiting).toHaveLength(3)
    for (const { done } of waiting) done({ kind: 'foreign' })
    expect(knowledge.pending).toBeDefined()
  })

  it('marks a known identity though nothing more may be pending', () => {
    const { event, knowledge } = setUp({ known: true, maxPending: 0 })
    event()
    expect(knowledge.mark(subject)).toBeDefined()
  })

  it.each(['', 'nobody', null, 7])('suspects everybody by a signal about %j', (identity_id) => {
    const { event, knowledge, waiting } = setUp()
    event({ identity_id })
    expect(waiting).toEqual([])
    expect(knowledge.pending).toBeDefined()
  })

  it('suspects everybody by a listed entry that cannot be read, once', () => {
    const { intake, knowledge, seen, clock } = setUp()
    intake.page([], ['digest'])
    const first = knowledge.pending
    clock.advance(1_000)
    intake.page([], ['digest'])
    expect(knowledge.pending).toEqual(first)
    expect(seen.signals).toEqual(['unreadable by list'])
  })

  it.each(['gibberish', '', 'null', '[]', '{}'])('cannot read the event %j', (data) => {
    expect(setUp().intake.event(data)).toBe(false)
  })

  it('counts a listed signal as missed where the live stream does not bring it in time', () => {
    const { knowledge, row, listed, seen, clock, intake } = setUp()
    knowledge.setState('live')
    const [missed, late] = [row(), row()]
    listed(missed, late)
    clock.advance(1_000)
    intake.event(JSON.stringify(late))
    listed()
    expect(seen.missed).toEqual([])
    clock.advance(1_000)
    listed()
    listed()
    expect(seen.missed).toEqual(['demo'])
  })

  it('counts nothing as missed while no stream is live', () => {
    const { knowledge, row, listed, seen, clock } = setUp()
    knowledge.setState('lost')
    listed(row())
    clock.advance(10_000)
    listed()
    expect(seen.missed).toEqual([])
  })

  it('tells the lag of a mark by the clock of the server', () => {
    const { event, waiting, clock, seen } = setUp()
    event()
    clock.advance(1_500)
    waiting[0]?.done({ kind: 'subject', subject })
    expect(seen.lags).toEqual([{ tenant: 'demo', seconds: 1.5 }])
  })

  it('tells no lag of what the first reading of the list brings', () => {
    const { knowledge, listed, row, seen } = setUp({ known: true })
    knowledge.covered(Number.POSITIVE_INFINITY, 0)
    listed(row())
    expect(seen.lags).toEqual([])
  })
})

function iso(time: number): string {
  return new Date(time).toISOString()
}
