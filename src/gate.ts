import { createAdmission } from './gate/admission.ts'
import { createInquiry, digestOf } from './gate/inquiry.ts'
import { createJudge } from './gate/judge.ts'
import type { GateOptions } from './gate/options.ts'
import { assertOptions } from './gate/options.ts'
import { createParts } from './gate/parts.ts'
import type { GateStatus } from './gate/status.ts'
import { readStatus } from './gate/status.ts'
import type { CheckRequest, Demands, Terms } from './gate/terms.ts'
import { createTerms } from './gate/terms.ts'
import type { UpgradeCheck, UpgradeRequest } from './gate/upgrade.ts'
import { createUpgrades } from './gate/upgrade.ts'
import type { Watch } from './gate/watch.ts'
import { createWatches } from './gate/watch.ts'
import type { Observer } from './observe/observer.ts'
import type { Target } from './request/target.ts'
import type { Present } from './revocation/facts.ts'
import type { Allow, Verdict } from './verdict.ts'
import { unknown } from './verdict.ts'

export type { CheckRequest } from './gate/terms.ts'

/** The whole engine. */
export interface Gate {
  /**
   * May this request pass? The verdict itself where it is known, a promise only where something
   * must be asked. Never throws and never rejects: what goes wrong inside is `unknown`.
   *
   * @param request whose headers are read
   * @param terms of the place that it goes to, by {@link Gate.terms}; default: a good token
   * @param target what the request is, where that is known already; else the terms tell
   */
  check(request: CheckRequest, terms?: Terms, target?: Target): Verdict | Promise<Verdict>
  /**
   * May this WebSocket handshake pass? The token may stand in `Authorization` or be offered as the
   * subprotocol `base64url.bearer.authorization.<token>`; that one is taken out of the request.
   */
  checkUpgrade(request: UpgradeRequest, terms?: Terms, target?: Target): Promise<UpgradeCheck>
  /**
   * Makes the demands of a place ready for its requests; once, not for each.
   *
   * @param demands beyond a good token; what is left out is the gate's own default
   */
  terms(demands: Demands): Terms
  /**
   * Looks after an allow for as long as something rests on it, such as an open stream.
   *
   * @param allow the verdict
   * @param request what it was given on: its token is kept until the watch is released
   * @param terms that it was given on: what is open is kept as fresh; default: the gate's own
   * @throws TypeError where the request carries another token, or none
   */
  watch(allow: Allow, request: CheckRequest, terms?: Terms): Watch
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
  /** Aborted when the gate is closed. */
  readonly ended: AbortSignal
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
  const onUnknown = options.onUnknown ?? 'deny'
  const plain = createTerms({}, parts.bounds, onUnknown)
  const ended = new AbortController()

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
    onInactive: (known) => watches.inactive(known),
  })
  const watches = createWatches({
    ...parts,
    present,
    judge,
    confirm: (known, token) => admission.confirm(known, digestOf(token), token),
  })
  const inquire = createInquiry({ ...parts, admission, judge, observer })
  const upgrades = createUpgrades(check, (verdict) => observed(verdict, clock.monotonic(), plain))

  function observed(verdict: Verdict, since: number, terms: Terms): Verdict {
    observer.verdict?.(verdict, (clock.monotonic() - since) / 1000, terms.route)
    return verdict
  }

  /** The one place where an unexpected fault becomes a verdict, and never an allow. */
  function broken(error: unknown): Verdict {
    if (!ended.signal.aborted) {
      observer.note?.('error', 'a check failed unexpectedly; the request was refused with 503', {
        error: error instanceof Error ? error.name : typeof error,
      })
    }
    return unknown('internal_error', 1)
  }

  function check(
    request: CheckRequest,
    terms: Terms = plain,
    target?: Target,
  ): Verdict | Promise<Verdict> {
    const since = clock.monotonic()
    try {
      const verdict = inquire(request, since, terms, target)
      if (!(verdict instanceof Promise)) return observed(verdict, since, terms)
      return verdict.catch(broken).then((settled) => observed(settled, since, terms))
    } catch (error) {
      return observed(broken(error), since, terms)
    }
  }

  return {
    url: options.url,
    observer,
    check,
    checkUpgrade: upgrades.check,
    terms: (demands) => createTerms(demands, parts.bounds, onUnknown),
    watch(allow, request, terms = plain) {
      const token = upgrades.tokenOf(request)
      const digest = digestOf(token)
      const known = memory.get(digest) ?? admission.admit(digest, token)
      return watches.open(allow, known, token, terms)
    },
    issuer: () => issuer.value(),
    status: () => readStatus({ ...parts, tokens: memory.size(), watches: watches.size() }),
    started: Promise.all([keys.reload(), issuer.tried]).then(() => undefined),
    ended: ended.signal,
    async close() {
      ended.abort()
      watches.close()
      issuer.close()
      keys.close()
      feeds.close()
      await parts.upstream.close()
    },
  }
}
