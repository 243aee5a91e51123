import { hash } from 'node:crypto'
import { createAdmission } from './gate/admission.ts'
import { createJudge } from './gate/judge.ts'
import type { Remembered } from './gate/memory.ts'
import type { GateOptions } from './gate/options.ts'
import { assertOptions } from './gate/options.ts'
import { createParts } from './gate/parts.ts'
import type { GateStatus } from './gate/status.ts'
import { readStatus } from './gate/status.ts'
import type { UpgradeCheck, UpgradeRequest } from './gate/upgrade.ts'
import { createUpgrades } from './gate/upgrade.ts'
import type { Watch } from './gate/watch.ts'
import { createWatches } from './gate/watch.ts'
import type { Observer } from './observe/observer.ts'
import type { Present } from './revocation/decide.ts'
import { likelyToken, parseBearer, readAuthorization } from './token/bearer.ts'
import type { Allow, Verdict } from './verdict.ts'
import { unknown } from './verdict.ts'

/** What is checked; Node's `IncomingMessage` is one. */
export interface CheckRequest {
  /** Header names and values in turn, none joined and none dropped. */
  readonly rawHeaders: readonly string[]
}

/** The whole engine. */
export interface Gate {
  /**
   * May this request pass? The verdict itself where it is known, a promise only where something
   * must be asked. Never throws and never rejects: what goes wrong inside is `unknown`.
   */
  check(request: CheckRequest): Verdict | Promise<Verdict>
  /**
   * May this WebSocket handshake pass? The token may stand in `Authorization` or be offered as the
   * subprotocol `base64url.bearer.authorization.<token>`; that one is taken out of the request.
   */
  checkUpgrade(request: UpgradeRequest): Promise<UpgradeCheck>
  /**
   * Looks after an allow for as long as something rests on it, such as an open stream.
   *
   * @param allow the verdict
   * @param request what it was given on: its token is kept until the watch is released
   * @throws TypeError where the request carries another token, or none
   */
  watch(allow: Allow, request: CheckRequest): Watch
  /** The issuer of the tokens let in; undefined until it was discovered. */
  issuer(): string | undefined
  /** What the gate knows, for people and probes. */
  status(): GateStatus
  /** Base URL of the ZeroID server, as configured. */
  readonly url: string
  /** Told what happens, as configured. */
  readonly observer: Observer
  /** Settles when the first load of keys and metadata ended, whatever its result. */
  readonly started: Promise<void>
  /** Ends all connections and timers; checks under way end as `unknown`. */
  close(): Promise<void>
}

/**
 * Makes a gate for one ZeroID server.
 *
 * @param options where the server is, and the bounds
 * @throws TypeError for an option that cannot be used
 */
export function createGate(options: GateOptions): Gate {
  assertOptions(options)
  const parts = createParts(options)
  const { clock, serverClock, observer, issuer, keys, feeds, memory } = parts
  let closed = false

  // Member by member: a spread here would cost as much as the rest of a warm check.
  function present(monotonic: number, justAsked: boolean): Present {
    const { now, latest, hidden } = serverClock.read(monotonic)
    return { now, latest, hidden, monotonic, trustedFrom: serverClock.trustedFrom(), justAsked }
  }

  const admission = createAdmission({
    ...parts,
    audiences: options.audience ?? [],
    present: () => present(clock.monotonic(), false),
  })
  const judge = createJudge({
    ...parts,
    present,
    onUnknown: options.onUnknown ?? 'deny',
    onInactive: (known) => watches.inactive(known),
  })
  const watches = createWatches({
    ...parts,
    present,
    judge,
    confirm: (known, token) => admission.confirm(known, digestOf(token), token),
  })
  const upgrades = createUpgrades(check, (verdict) => observed(verdict, clock.monotonic()))

  function recall(digest: string): Remembered | undefined {
    const remembered = memory.get(digest)
    return remembered?.generation === keys.generation() ? remembered : undefined
  }

  function judgeRequest(request: CheckRequest, now: number): Verdict | Promise<Verdict> {
    const value = readAuthorization(request.rawHeaders)
    if (typeof value !== 'string') return value
    // A remembered token was parsed when it was first seen: finding it is cheaper than parsing.
    const likely = likelyToken(value)
    const found = likely === undefined ? undefined : recall(digestOf(likely))
    if (likely !== undefined && found !== undefined) return judgeKnown(found, likely, now)

    const token = parseBearer(value)
    if (typeof token !== 'string') return token
    const known = token === likely ? undefined : recall(digestOf(token))
    return known === undefined ? judgeNew(token) : judgeKnown(known, token, now)
  }

  function judgeKnown(known: Remembered, token: string, now: number): Verdict | Promise<Verdict> {
    observer.lookup?.(true)
    return judge(known, token, now)
  }

  async function judgeNew(token: string): Promise<Verdict> {
    observer.lookup?.(false)
    const admitted = await admission.admit(digestOf(token), token)
    return 'outcome' in admitted ? admitted : await judge(admitted, token, clock.monotonic())
  }

  function observed(verdict: Verdict, since: number): Verdict {
    observer.verdict?.(verdict, (clock.monotonic() - since) / 1000)
    return verdict
  }

  /** The one place where an unexpected fault becomes a verdict, and never an allow. */
  function broken(error: unknown): Verdict {
    if (!closed) {
      observer.note?.('error', 'a check failed unexpectedly; the request was refused with 503', {
        error: error instanceof Error ? error.name : typeof error,
      })
    }
    return unknown('internal_error', 1)
  }

  function check(request: CheckRequest): Verdict | Promise<Verdict> {
    const since = clock.monotonic()
    try {
      const verdict = judgeRequest(request, since)
      if (!(verdict instanceof Promise)) return observed(verdict, since)
      return verdict.catch(broken).then((settled) => observed(settled, since))
    } catch (error) {
      return observed(broken(error), since)
    }
  }

  return {
    url: options.url,
    observer,
    check,
    checkUpgrade: upgrades.check,
    watch(allow, request) {
      const token = upgrades.tokenOf(request)
      const digest = digestOf(token)
      return watches.open(allow, memory.get(digest) ?? admission.admit(digest, token), token)
    },
    issuer: () => issuer.value(),
    status: () => readStatus({ ...parts, tokens: memory.size(), watches: watches.size() }),
    started: Promise.all([keys.reload(), issuer.tried]).then(() => undefined),
    async close() {
      closed = true
      watches.close()
      issuer.close()
      keys.close()
      feeds.close()
      await parts.upstream.close()
    },
  }
}

/** Tokens are known by this digest, so that no credential lies in memory. */
function digestOf(token: string): string {
  return hash('sha256', token, 'base64')
}
