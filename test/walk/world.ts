import { maxCorrection } from '../../src/clock.ts'
import type { Agent, Emulator, Fault, Signal } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Gate } from '../../src/gate.ts'
import { createGate } from '../../src/gate.ts'
import { tieWindow } from '../../src/revocation/decide.ts'
import type { Verdict } from '../../src/verdict.ts'
import type { FakeClock } from '../helpers/clock.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { bearer } from '../helpers/stack.ts'
import type { FaultKind, Operation, StreamHabit, Terrain, Whom } from './operations.ts'
import { answersSeen, quiet } from './quiet.ts'

/** A rule that a verdict broke. */
export class Violation extends Error {
  /** The rule is told; the place in this file is of no use. */
  override readonly stack: string
  constructor(rule: string) {
    super(rule)
    this.stack = rule
  }
}

/** A signal that revokes, as the walk raised it. */
interface Raised {
  readonly name: string
  readonly agent: Agent
  /** The number of tokens when its row was written: later ones are none of its business. */
  readonly born: number
  /** Known when its revocation is done. */
  row: Signal | undefined
  /** True time. */
  readonly raisedAt: number
}

/** What a signal says, and who takes it. */
interface Order {
  readonly severity: string
  readonly type: string
  readonly missionId?: string
  /** Another replica takes it: no stream gets it. */
  readonly replica?: boolean
}

/** A token and all that befell it. */
interface Token {
  readonly name: string
  readonly jwt: string
  readonly born: number
  /** The holders of this token and of those it was delegated from, its own first. */
  readonly lineage: readonly Agent[]
  readonly depth: number
  readonly issuedAt: number
  readonly expiresAt: number
  readonly missionId: string
  readonly history: string[]
  /** When the server was first seen to call it inactive before its time (true time). */
  deadSince: number | undefined
  /** The gate refused it for good. */
  refused: string | undefined
  /** When the checks began that are under way now. */
  readonly underWay: Set<number>
}

/** One walk: an emulator, a gate, what happened, and the rules that must hold. */
export interface World {
  /** @throws Violation where a verdict breaks a rule */
  perform(operation: Operation): Promise<void>
  /** Mends everything, lets one bound pass, and compares every token. @throws Violation */
  settle(): Promise<void>
  /** What happened, for people. */
  trace(): string
  /** How many verdicts there were of each kind. */
  readonly tally: ReadonlyMap<string, number>
  close(): Promise<void>
}

/** What the `Date` header leaves open, and what truncation adds. */
const dateError = 500
const tenants = [
  { account: 'acct-a', project: 'proj-a' },
  { account: 'acct-b', project: 'proj-b' },
] as const
const agentsPerTenant = 3
const maxDepth = 5
const mostChecked = 25
/** Real waits (delays, revocations) must stay short against the gate's own real timeouts. */
const longestRush = 1_500
const stepLength = 500
/** Longest back-off and cool-down of the gate, with its jitter. */
const recovery = 12_000
/** Past this neither clock is to be believed; the walk stays within. */
const widestClockGap = 240_000
/** What a poll may take beyond its period: the time passes in steps, and answers come after them. */
const pollSlack = 1_000
const epoch = Date.UTC(2030, 0, 1)

const faults: Record<FaultKind, Fault> = {
  '503': { status: 503, body: '{"error":"unavailable"}' },
  '503 once': { status: 503, body: '{"error":"unavailable"}', times: 1 },
  reset: { reset: true },
  'reset once': { reset: true, times: 1 },
  delay: { delay: 3 },
  refused: { status: 401, body: '{"error":"invalid_client"}' },
  garbage: { status: 200, body: '{"active":"true","signals":{},"keys":[]}' },
}

/** Starts emulator and gate. */
export async function startWorld(terrain: Terrain): Promise<World> {
  const { mode, maxStaleness } = terrain
  const time = createFakeClock(epoch)
  const origin = epoch - time.monotonic()
  const zeroid = await startEmulator({
    now: () => origin + time.monotonic(),
    streamDeafAfter: terrain.streamDeafAfter,
    streamQueue: terrain.streamQueue,
    revokeDelay: terrain.revokeDelay,
  })
  const agents = await registerAgents(zeroid)
  const tokens: Token[] = []
  const signals: Raised[] = []
  /** Every signal that could revoke, whomever it names, by the server's clock. */
  const doubts: { account: string; at: number; heldUp: boolean }[] = []
  const deactivated = new Set<Agent>()
  /** Ids of the signals whose marks are set. */
  const marked = new Set<string>()
  const beside = new Set<Promise<void>>()
  const revocations = new Set<Promise<void>>()
  const lines: string[] = []
  let violation: Violation | undefined
  let rushed = 0
  const tally = new Map<string, number>()
  /** Answers that the gate had when any clock last jumped. */
  let answersAtJump = -1
  /** Milliseconds that the gate's monotonic clock missed. */
  let asleep = 0
  /** Whether streams are silent, faults are set, and the server is away. */
  const trouble = { silent: false, reordered: false, faulty: false, down: false }
  /** True time until which something may have kept the gate from reading a list. */
  let hinderedUntil = 0

  function openGate(): Gate {
    return createGate({
      url: zeroid.url,
      mode,
      maxStaleness,
      signalPoll: terrain.signalPoll,
      streamRenew: terrain.streamRenew,
      clockSkew: terrain.clockSkew,
      cacheTokens: terrain.cacheTokens,
      tenants:
        terrain.tenants === 'auto'
          ? 'auto'
          : tenants.map(({ account, project }) => ({ accountId: account, projectId: project })),
      clock: strictlyIncreasing(time),
      observer: {
        note(level, message, fields) {
          if (level === 'error') say(`  … the gate complains: ${message} ${JSON.stringify(fields)}`)
          if (message !== 'revoked by signal') return
          marked.add(String(fields?.signal))
          say(`  … the gate marked ${fields?.subject}`)
        },
      },
    })
  }

  // ——— Words ———

  function say(line: string): void {
    lines.push(`${((time.monotonic() - 1_000) / 1000).toFixed(3).padStart(9)} s  ${line}`)
  }

  function fail(rule: string, token?: Token): never {
    const parts = [rule]
    if (token !== undefined)
      parts.push(`${token.name}:`, ...token.history.map((line) => `  ${line}`))
    parts.push(`status: ${JSON.stringify(gate.status(), undefined, 1)}`)
    violation ??= new Violation(parts.join('\n'))
    throw violation
  }

  const newest = <T>(all: readonly T[], back: number): T | undefined =>
    all[all.length - 1 - (back % all.length)]

  const agentAt = (index: number): Agent => agents[index % agents.length] as Agent
  /** Milliseconds since the walk began, however the clocks were set. */
  const trueNow = (): number => time.monotonic() + asleep
  const serverNow = (): number => zeroid.clock.now()

  // ——— Tokens ———

  function keep(jwt: string, lineage: readonly Agent[], depth: number, how: string): Token {
    const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
    const name = `t${tokens.length + 1}`
    const holder = lineage[0]
    const token: Token = {
      name,
      jwt,
      born: tokens.length,
      lineage,
      depth,
      issuedAt: claims.iat,
      expiresAt: claims.exp,
      missionId: claims.mission_id,
      history: [`${how}, iat ${claims.iat}, exp ${claims.exp}`],
      deadSince: undefined,
      refused: undefined,
      underWay: new Set(),
    }
    tokens.push(token)
    say(`${name} for ${holder?.externalId}: ${how}, iat ${claims.iat - epoch / 1000}`)
    return token
  }

  /** Notes who died. The server's word is the only one: the walk has no rules of its own. */
  function bury(cause: string): void {
    for (const token of tokens) {
      if (token.deadSince !== undefined || isExpired(token) || zeroid.active(token.jwt)) continue
      token.deadSince = trueNow()
      token.history.push(`${seconds()} the server revoked it: ${cause}`)
    }
  }

  const seconds = (): string => `${((time.monotonic() - 1_000) / 1000).toFixed(3)} s`
  const isExpired = (token: Token): boolean => serverNow() >= token.expiresAt * 1000

  /** The signals that killed this token, as the server's rule has it. */
  const killersOf = (token: Token): Raised[] =>
    signals.filter(({ agent, born }) => token.born < born && token.lineage.includes(agent))

  /** Milliseconds beyond a poll for which an undisturbed list has held a killer of this token. */
  function listedFor(token: Token): number {
    if (trouble.faulty || trouble.down) return Number.NEGATIVE_INFINITY
    const since = killersOf(token)
      .filter(({ row }) => row !== undefined)
      .map(({ raisedAt }) => Math.max(raisedAt, hinderedUntil))
    return trueNow() - Math.min(...since) - terrain.signalPoll - pollSlack
  }

  const isMarked = (token: Token): boolean =>
    killersOf(token).some(({ row }) => row !== undefined && marked.has(row.id))

  async function delegate(parent: Token | undefined, index: number): Promise<Token | undefined> {
    if (parent === undefined || parent.depth >= maxDepth) return undefined
    const siblings = agents.filter(({ account }) => account === parent.lineage[0]?.account)
    const to = siblings[index % siblings.length] as Agent
    if (deactivated.has(to)) return undefined
    // The server gives a child the whole seconds that its parent has left.
    if (parent.expiresAt * 1000 - serverNow() < 1_000) return undefined
    const jwt = await zeroid.delegate(parent.jwt, { to })
    return keep(jwt, [to, ...parent.lineage], parent.depth + 1, `delegated from ${parent.name}`)
  }

  // ——— Checks ———

  async function check(token: Token): Promise<Verdict> {
    const start = time.monotonic()
    // A question under way is shared, so the oldest one counts.
    const since = Math.min(start, ...token.underWay)
    const deadBefore = token.deadSince !== undefined && token.underWay.size === 0
    const before = {
      dead: deadBefore,
      marked: deadBefore && isMarked(token),
      listedFor: deadBefore ? listedFor(token) : Number.NEGATIVE_INFINITY,
      refused: token.underWay.size === 0 ? token.refused : undefined,
    }
    token.underWay.add(since)
    const verdict = await gate.check(bearer(token.jwt))
    token.underWay.delete(since)
    count(verdict)
    const now = time.monotonic()
    const active = zeroid.active(token.jwt)
    const line = `${gistOf(verdict, now)} (server: ${active ? 'active' : 'inactive'})`
    token.history.push(`${seconds()} ${line}`)
    say(`check ${token.name}: ${line}`)

    if (verdict.outcome === 'allow') allowedRightly(token, verdict, now, before)
    if (verdict.outcome === 'deny') await deniedRightly(token, verdict.reason, active)
    return verdict
  }

  function count(verdict: Verdict): void {
    const kind =
      verdict.outcome === 'allow'
        ? `allow ${verdict.evidence.kind}`
        : `${verdict.outcome} ${verdict.reason}`
    tally.set(kind, (tally.get(kind) ?? 0) + 1)
  }

  function allowedRightly(
    token: Token,
    { evidence }: Extract<Verdict, { outcome: 'allow' }>,
    now: number,
    before: { dead: boolean; marked: boolean; listedFor: number; refused: string | undefined },
  ): void {
    const age = now - evidence.at
    if (evidence.kind === 'none' || age > maxStaleness + 1) {
      fail(`D: ${token.name} was allowed on ${evidence.kind} evidence ${age} ms old`, token)
    }
    if (before.refused !== undefined) {
      fail(`B: ${token.name} was allowed after ${before.refused}`, token)
    }
    if (before.marked) fail(`B: ${token.name} was allowed after its mark was set`, token)
    if (before.listedFor > 0) {
      fail(`F: ${token.name} was allowed ${before.listedFor} ms after a poll was due`, token)
    }
    // In local mode a silent revocation is not seen, and is not promised to be.
    const deadSince =
      mode === 'local'
        ? Math.min(...killersOf(token).map(({ raisedAt }) => raisedAt))
        : token.deadSince
    if (deadSince === undefined) return
    if (mode === 'live' && before.dead) fail(`E: ${token.name} was dead and is allowed`, token)
    const late = trueNow() - deadSince - maxStaleness
    if (late > 1) fail(`E: ${token.name} was allowed ${late} ms past the bound`, token)
  }

  async function deniedRightly(token: Token, reason: string, active: boolean): Promise<void> {
    if (reason === 'token_inactive' || reason === 'revoked_by_signal') token.refused ??= reason
    if (!active) return
    // The signal may be written and its revocation still to come.
    await Promise.all(revocations)
    if (!zeroid.active(token.jwt)) return
    fail(`C: ${token.name} is good and was denied: ${reason}`, token)
  }

  /** Two jumps may hide each other, a step back and a sleep; one at a time must be coped with. */
  const isJumpUnheard = (): boolean => answersSeen() === answersAtJump

  function checkBeside(token: Token): void {
    const running = check(token).then(
      () => undefined,
      (error: unknown) => {
        violation ??= error instanceof Violation ? error : new Violation(String(error))
      },
    )
    beside.add(running)
    void running.then(() => beside.delete(running))
  }

  // ——— Signals ———

  const raisedOn = (agent: Agent): Raised => ({
    name: `s${signals.length + 1}`,
    agent,
    born: tokens.length,
    row: undefined,
    raisedAt: trueNow(),
  })

  function raise(
    agent: Agent,
    tenantOf: Agent,
    identityId: string,
    { severity, type, missionId, replica = false }: Order,
  ): Promise<void> {
    const revoking = severity === 'high' || severity === 'critical'
    if (revoking) {
      doubts.push({ account: tenantOf.account, at: serverNow(), heldUp: trouble.reordered })
    }
    const raised = raisedOn(agent)
    const kills = revoking && identityId === agent.id && agent.account === tenantOf.account
    if (kills) signals.push(raised)
    say(
      `${kills ? raised.name : 'signal'}: ${severity} ${type} on ${identityId === agent.id ? agent.externalId : identityId} in ${tenantOf.account}`,
    )
    zeroid.streams.silent(replica || trouble.silent)
    const sent = zeroid.signal({
      account: tenantOf.account,
      project: tenantOf.project,
      identityId,
      severity,
      type,
      ...(missionId === undefined ? {} : { missionId }),
    })
    zeroid.streams.silent(trouble.silent)
    return revocation(sent, raised)
  }

  function revocation(sent: Promise<Signal>, raised: Raised): Promise<void> {
    const done = sent.then((row) => {
      raised.row = row
      bury(`signal ${raised.name}`)
    })
    revocations.add(done)
    void done.then(() => revocations.delete(done))
    return done
  }

  function signalled(whom: Whom, agent: Agent): { tenantOf: Agent; identityId: string } {
    switch (whom) {
      case 'agent':
        return { tenantOf: agent, identityId: agent.id }
      case 'foreigner': {
        const other = agents.find(({ account }) => account !== agent.account) as Agent
        return { tenantOf: other, identityId: agent.id }
      }
      case 'stranger':
        return { tenantOf: agent, identityId: '00000000-0000-4000-8000-000000000000' }
      case 'nobody':
        return { tenantOf: agent, identityId: 'not-a-uuid' }
    }
  }

  function streamsGo(how: StreamHabit): void {
    const { streams } = zeroid
    const habits: Record<StreamHabit, () => void> = {
      close: () => streams.drop('close'),
      reset: () => streams.drop('reset'),
      deafen: () => streams.deafen(),
      'half-open': () => streams.halfOpen(),
      silent: () => streams.silent(true),
      duplicate: () => streams.duplicate(3),
      reorder: () => streams.reorder(true),
      delay: () => streams.delay(5),
      normal: () => streams.normal(),
    }
    habits[how]()
    if (how === 'silent') trouble.silent = true
    if (how === 'reorder') trouble.reordered = true
    if (how === 'normal') Object.assign(trouble, { silent: false, reordered: false })
  }

  // ——— Time ———

  async function still(): Promise<void> {
    await Promise.all(revocations)
    await quiet()
    rushed = 0
  }

  async function advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepLength) {
      time.advance(Math.min(left, stepLength))
      await quiet()
    }
  }

  async function rush(ms: number): Promise<void> {
    if (rushed + ms > longestRush) await still()
    rushed += ms
    await Promise.all(revocations)
    time.advance(ms)
    // What was on its way is answered later than it would have been.
    hinderedUntil = trueNow()
  }

  function stepGate(ahead: number): void {
    time.step(serverNow() + ahead - time.now())
  }

  // ——— Operations ———

  async function perform(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'mint': {
        const agent = agentAt(operation.agent)
        if (deactivated.has(agent)) return
        const { profile, grant, ttl, user } = operation
        const scopes = [...operation.scopes]
        const principal = user && profile === 'rfc8693' ? { principal: 'user-1' } : {}
        const jwt = await zeroid.mint({ agent, profile, grant, scopes, ttl, ...principal })
        keep(jwt, [agent], 'principal' in principal ? 1 : 0, `minted ${profile} ${grant}`)
        return
      }
      case 'delegate': {
        const living = tokens.filter((token) => zeroid.active(token.jwt))
        let parent = newest(living, operation.token)
        for (const index of operation.agents) parent = await delegate(parent, index)
        return
      }
      case 'check': {
        const token = newest(tokens, operation.token)
        if (token === undefined) return
        if (operation.wait) {
          await Promise.all(Array.from({ length: operation.times }, () => check(token)))
        } else checkBeside(token)
        return
      }
      case 'check all':
        for (const token of tokens.slice(-mostChecked)) if (!isExpired(token)) await check(token)
        return
      case 'signal': {
        const agent = agentAt(operation.agent)
        const { whom, severity, type, replica } = operation
        const mission =
          operation.mission === undefined ? undefined : newest(tokens, operation.mission)
        const { tenantOf, identityId } = signalled(whom, agent)
        const missionId = mission?.missionId
        const done = raise(agent, tenantOf, identityId, {
          severity,
          type,
          replica,
          ...(missionId === undefined ? {} : { missionId }),
        })
        if (operation.wait === 'revoked') await done
        if (operation.wait === 'heard') await quiet()
        return
      }
      case 'burst': {
        const agent = agentAt(operation.agent)
        say(`burst of ${operation.count} signals and a critical one`)
        const order = { severity: 'low', type: 'ip_change' }
        const burst = Array.from({ length: operation.count }, () =>
          raise(agent, agent, agent.id, order),
        )
        burst.push(raise(agent, agent, agent.id, { ...order, severity: 'critical' }))
        await Promise.all(burst)
        return
      }
      case 'revoke': {
        const token = newest(tokens, operation.token)
        if (token === undefined) return
        say(`revoke ${token.name}, silently`)
        await zeroid.revoke(token.jwt)
        bury(`${token.name} was revoked silently`)
        return
      }
      case 'deactivate':
      case 'expire': {
        const agent = agentAt(operation.agent)
        if (deactivated.has(agent)) return
        deactivated.add(agent)
        const raised = raisedOn(agent)
        signals.push(raised)
        doubts.push({ account: agent.account, at: serverNow(), heldUp: trouble.reordered })
        say(`${raised.name}: ${operation.do} ${agent.externalId}`)
        await revocation(
          operation.do === 'expire' ? zeroid.expire(agent) : zeroid.deactivate(agent),
          raised,
        )
        return
      }
      case 'activate': {
        const agent = agentAt(operation.agent)
        if (!deactivated.delete(agent)) return
        say(`activate ${agent.externalId}`)
        await zeroid.activate(agent)
        return
      }
      case 'rotate keys':
        say(`rotate keys${operation.drop ? ', dropping the old ones' : ''}`)
        await zeroid.rotateKeys({ drop: operation.drop })
        bury('its key was dropped')
        return
      case 'streams':
        say(`streams: ${operation.how}`)
        streamsGo(operation.how)
        return
      case 'pause':
        say('the server goes down')
        trouble.down = true
        await zeroid.pause()
        return
      case 'resume':
        say('the server is up')
        await zeroid.resume()
        trouble.down = false
        hinderedUntil = trueNow()
        return
      case 'fault':
        say(`fault on ${operation.route}: ${operation.how}`)
        zeroid.faults.set(operation.route, faults[operation.how])
        trouble.faulty = true
        return
      case 'mend':
        say('faults are cleared')
        zeroid.faults.clear()
        trouble.faulty = false
        hinderedUntil = trueNow()
        return
      case 'reopen the gate':
        say('the gate is replaced')
        await Promise.all(beside)
        await gate.close()
        marked.clear()
        for (const token of tokens) token.refused = undefined
        gate = openGate()
        await gate.started
        hinderedUntil = trueNow()
        return
      case 'advance':
        say(`${operation.ms} ms pass${operation.rush ? ' at once' : ''}`)
        if (operation.rush && operation.ms <= longestRush) return await rush(operation.ms)
        await still()
        return await advance(operation.ms)
      case 'step the gate':
        if (isJumpUnheard()) return
        say(`the gate's clock steps to ${operation.ahead} ms ahead of the server's`)
        stepGate(operation.ahead)
        answersAtJump = answersSeen()
        return
      case 'suspend':
        if (isJumpUnheard()) return
        say(`the gate sleeps for ${operation.ms} ms`)
        await still()
        time.step(operation.ms)
        zeroid.clock.advance(operation.ms)
        asleep += operation.ms
        hinderedUntil = trueNow()
        answersAtJump = answersSeen()
        return
      case 'step the server':
        if (isJumpUnheard()) return
        if (Math.abs(serverNow() + operation.ms - time.now()) > widestClockGap) return
        say(`the server's clock steps by ${operation.ms} ms`)
        await still()
        zeroid.clock.advance(operation.ms)
        answersAtJump = answersSeen()
        return
      case 'settle':
        await settle()
        return
    }
  }

  // ——— The settled world ———

  async function settle(): Promise<void> {
    zeroid.streams.normal()
    zeroid.faults.clear()
    await zeroid.resume()
    Object.assign(trouble, { silent: false, reordered: false, faulty: false, down: false })
    hinderedUntil = trueNow()
    await Promise.all(beside)
    await still()
    if (mode === 'local') {
      // A feed is opened by its tenant's first token, and local mode has nothing else to go by.
      await advance(recovery)
      for (const token of tokens) await check(token)
    }
    await advance(Math.max(maxStaleness, recovery) + terrain.signalPoll + 1_000)
    say('settled: faults cleared, one bound passed')
    for (const tenant of gate.status().tenants) {
      if (tenant.state !== 'live' || tenant.pending > 0) fail(`A: ${tenant.accountId} is not live`)
    }
    for (const token of tokens) await checkSettled(token)
  }

  async function checkSettled(token: Token): Promise<void> {
    const over = serverNow() - token.expiresAt * 1000
    // Within the leeway on `exp` either answer is right.
    if (over >= 0 && over <= terrain.clockSkew + dateError) return
    const verdict = await check(token)
    const expected = zeroid.active(token.jwt) ? 'allow' : 'deny'
    if (verdict.outcome === expected) return
    if (mode === 'local' && isExcusedLocally(token, verdict)) return
    fail(`A: ${token.name} is ${verdict.outcome}, expected ${expected}`, token)
  }

  /** What local mode may say otherwise: it hears no silent revocation, and it asks nobody. */
  function isExcusedLocally(token: Token, { outcome }: Verdict): boolean {
    if (outcome === 'allow') return killersOf(token).length === 0 && over(token) < 0
    return outcome === 'unknown' && heardSince(token)
  }

  const over = (token: Token): number => serverNow() - token.expiresAt * 1000

  /** Whether a signal of its tenant may throw doubt on this token: ties are never settled here. */
  function heardSince({ issuedAt, lineage }: Token): boolean {
    const account = lineage[0]?.account
    return doubts.some(
      ({ account: tenant, at, heldUp }) =>
        // One that the stream held up looks as one of a server whose clock was set back.
        tenant === account &&
        issuedAt * 1000 <= at + tieWindow + dateError + (heldUp ? maxCorrection : 0),
    )
  }

  let gate = openGate()
  await gate.started

  return {
    async perform(operation) {
      await perform(operation)
      if (violation !== undefined) throw violation
    },
    async settle() {
      await settle()
      if (violation !== undefined) throw violation
    },
    trace: () => lines.join('\n'),
    tally,
    async close() {
      await gate.close()
      await zeroid.close()
      await Promise.all([...beside, ...revocations])
    },
  }
}

async function registerAgents(zeroid: Emulator): Promise<Agent[]> {
  const agents: Agent[] = []
  for (let serial = 1; serial <= agentsPerTenant; serial++) {
    for (const tenant of tenants) {
      const name = `${tenant.account === 'acct-a' ? 'a' : 'b'}${serial}`
      agents.push(await zeroid.agent({ ...tenant, name }))
    }
  }
  return agents
}

/** Real time never stands still between two events, and the order of asking and hearing counts. */
function strictlyIncreasing(time: FakeClock): FakeClock {
  let reads = 0
  return { ...time, monotonic: () => time.monotonic() + ++reads / 1_000_000 }
}

function gistOf(verdict: Verdict, now: number): string {
  if (verdict.outcome !== 'allow') return `${verdict.outcome} ${verdict.reason}`
  const { kind, at } = verdict.evidence
  return `allow, ${kind} ${Math.round(now - at)} ms ago`
}
