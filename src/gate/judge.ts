import type { Clock } from '../clock.ts'
import { decide, isDatedAhead, isForgotten } from '../revocation/decide.ts'
import type { Present } from '../revocation/facts.ts'
import type { Feeds } from '../revocation/feeds.ts'
import type { Introspector } from '../revocation/introspect.ts'
import type { Allow, Evidence, Unknown, UnknownReason, Verdict } from '../verdict.ts'
import { deny, unknown } from '../verdict.ts'
import type { Memory, Remembered } from './memory.ts'
import type { Terms } from './terms.ts'

/** What judging a remembered token needs. */
export interface JudgeParts {
  readonly introspector: Introspector
  readonly feeds: Feeds
  readonly memory: Pick<Memory, 'condemn'>
  readonly clock: Clock
  readonly present: (monotonic: number, justAsked: boolean) => Present
  /** Told when the server called a token inactive. */
  readonly onInactive: (known: Remembered) => void
}

/** Judges a remembered token: a verdict at once where the evidence suffices. */
export type Judge = (
  known: Remembered,
  token: string,
  now: number,
  terms: Terms,
) => Verdict | Promise<Verdict>

/** Asked anew this often where signals keep arriving during the answers. */
const maxQuestions = 3
const noEvidence: Evidence = { kind: 'none', at: 0 }

/**
 * Joins the pure decision with the questions to the server that it may call for.
 *
 * @param parts introspection, feeds, clocks
 */
export function createJudge(parts: JudgeParts): Judge {
  const { introspector, feeds, clock, present } = parts

  const decideOn = (
    known: Remembered,
    now: number,
    justAsked: boolean,
    { bounds }: Terms,
  ): ReturnType<typeof decide> =>
    decide(known.judged, known.evidence, known.feed?.knowledge, present(now, justAsked), bounds)

  async function ask(known: Remembered, token: string, terms: Terms): Promise<Verdict> {
    for (let question = 0; question < maxQuestions; question++) {
      const fault = await introspect(known, token)
      const decision = decideOn(known, clock.monotonic(), fault === undefined, terms)
      // Time went by, and signals may have come: a denial needs no answer of the server.
      if (decision.say === 'deny') return deny(decision.reason, undefined, known.identity)
      if (fault !== undefined)
        return undecided(known, { ...fault, identity: known.identity }, terms)
      if (decision.say === 'allow') return allowed(known, terms)
      if (decision.say === 'unknown') return unheard(known, decision.reason, terms)
    }
    return undecided(known, unknown('signal_pending', 1, known.identity), terms)
  }

  /** @returns nothing where the answer is now part of what is known */
  async function introspect(known: Remembered, token: string): Promise<Unknown | undefined> {
    const answer = await introspector.ask(token, known.identity.tokenId)
    if (answer.outcome === 'unknown') return answer
    if (answer.outcome === 'inactive') {
      parts.memory.condemn(known)
      parts.onInactive(known)
    } else if (answer.at > (known.evidence?.at ?? Number.NEGATIVE_INFINITY)) {
      // An older answer must not overwrite a newer one, nor a token known as inactive come back.
      setEvidence(known, { kind: 'introspected', at: answer.at })
    }
    return undefined
  }

  function renew(known: Remembered, token: string): void {
    if (known.renewing) return
    known.renewing = true
    void introspect(known, token).finally(() => {
      known.renewing = false
    })
  }

  function setEvidence(known: Remembered, evidence: Evidence): void {
    known.evidence = evidence
    known.allow = undefined
  }

  function allowed(known: Remembered, { bounds }: Terms): Allow {
    if (bounds.mode === 'local') return allowedBySignals(known)
    known.allow ??= {
      outcome: 'allow',
      identity: known.identity,
      evidence: known.evidence ?? noEvidence,
    }
    return known.allow
  }

  function allowedBySignals(known: Remembered): Allow {
    const at = known.feed?.knowledge.provedAt ?? 0
    if (known.allowBySignals?.evidence.at !== at) {
      const evidence: Evidence = { kind: 'signals', at }
      known.allowBySignals = { outcome: 'allow', identity: known.identity, evidence }
    }
    return known.allowBySignals
  }

  function unheard(known: Remembered, reason: UnknownReason, terms: Terms): Verdict {
    return undecided(known, unknown(reason, 1, known.identity), terms)
  }

  /** Only for a token that verified, that is valid by now and that nobody called inactive. */
  function undecided(known: Remembered, verdict: Unknown, { onUnknown, bounds }: Terms): Verdict {
    if (onUnknown !== 'allow' || isForgotten(known.judged, known.evidence)) return verdict
    const at = clock.monotonic()
    if (isDatedAhead(known.judged, present(at, false), bounds)) return verdict
    const evidence: Evidence = { kind: 'none', at }
    return { outcome: 'allow', identity: known.identity, evidence }
  }

  return function judgeKnown(known, token, now, terms) {
    if (known.feed === undefined || known.feed.closed) known.feed = feeds.follow(known.identity)
    else known.feed.used = true
    const decision = decideOn(known, now, false, terms)
    switch (decision.say) {
      case 'allow':
        if (decision.renew) renew(known, token)
        return allowed(known, terms)
      case 'deny':
        return deny(decision.reason, undefined, known.identity)
      case 'unknown':
        return unheard(known, decision.reason, terms)
      case 'ask':
        return ask(known, token, terms)
    }
  }
}
