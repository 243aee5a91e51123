import type { Clock, ServerClock } from '../clock.ts'
import { decide } from '../revocation/decide.ts'
import type { Bounds, Present } from '../revocation/facts.ts'
import type { Feed } from '../revocation/feed.ts'
import type { Deny, Unknown, Verdict } from '../verdict.ts'
import { deny, unknown } from '../verdict.ts'
import type { FeedNews } from './feed-news.ts'
import type { Judge } from './judge.ts'
import type { Remembered } from './memory.ts'
import type { Terms } from './terms.ts'

/** What looking after a token needs. */
export interface WatchParts {
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly present: (monotonic: number, justAsked: boolean) => Present
  readonly judge: Judge
  /** Verifies the signature again where the keys changed; nothing where it holds. */
  readonly confirm: (known: Remembered, token: string) => Promise<Deny | Unknown | undefined>
}

/** A token that something open rests on. */
export interface WatchedToken {
  /** Looks whether it would still be allowed. */
  look(): void
  stop(): void
}

/** A feed that nobody used for ten minutes is closed, so a watched one is used more often. */
const longestRest = 300_000
const firstPatience = 50
const longestPatience = 2_000

/**
 * Judges one token anew whenever that could end differently: when its tenant's feed learnt
 * something, when half the bound is over, and at its expiry.
 *
 * @param known the token, as remembered
 * @param token the token itself, to ask the server about
 * @param parts the judge and clocks, and the terms of the place
 * @param onEnd called once, when it would not be allowed any more
 */
export function createWatchedToken(
  known: Remembered,
  token: string,
  parts: WatchParts & { readonly news: FeedNews; readonly terms: Terms },
  onEnd: (why: Deny | Unknown) => void,
): WatchedToken {
  const { clock, serverClock, judge, present, terms } = parts
  // In `live` mode an open watch has no request to ask for: it is kept as fresh as in `hybrid`.
  const bounds: Bounds = {
    ...terms.bounds,
    mode: terms.bounds.mode === 'live' ? 'hybrid' : terms.bounds.mode,
  }
  let followed: Feed | undefined
  let unfollow: () => void = () => {}
  let cancel: () => void = () => {}
  let cancelDeadline: () => void = () => {}
  /** When the evidence of the last allow was obtained (monotonic). */
  let soundAt = known.evidence?.at ?? clock.monotonic()
  /** Milliseconds until an undecided token is judged again. */
  let patience = firstPatience
  let busy = false
  let stopped = false

  function look(): void {
    if (busy || stopped) return
    const now = clock.monotonic()
    const decision = known.feed?.closed === true ? undefined : decideNow(now)
    if (decision?.say === 'deny') end(deny(decision.reason))
    else if (decision?.say === 'allow' && !decision.renew) rest(now)
    else {
      const verdict = judge(known, token, now, terms)
      if (verdict instanceof Promise) wait(verdict, conclude)
      else conclude(verdict)
    }
  }

  function decideNow(now: number): ReturnType<typeof decide> {
    const { feed } = known
    if (feed !== undefined) feed.used = true
    if (feed !== followed) {
      unfollow()
      unfollow = feed === undefined ? () => {} : parts.news.follow(feed, look)
      followed = feed
    }
    return decide(known.judged, known.evidence, feed?.knowledge, present(now, false), bounds)
  }

  function conclude(verdict: Verdict): void {
    const now = clock.monotonic()
    const decision = decideNow(now)
    if (verdict.outcome === 'deny') end(verdict)
    else if (decision.say === 'deny') end(deny(decision.reason))
    else if (verdict.outcome === 'unknown') {
      // What it rests on may grow as old as the bound, like every allow's evidence; then it ends.
      if (now - soundAt > bounds.maxStaleness) end(verdict)
      else retry()
    } else if (decision.say === 'allow' && !decision.renew) rest(now)
    else {
      // Allowed for the moment: an answer obtained so soon after a signal is not the last word.
      soundAt = verdict.evidence.at
      setDeadline(now)
      retry()
    }
  }

  /** All is well until half the bound is over. */
  function rest(now: number): void {
    const proved = bounds.mode === 'local' ? known.feed?.knowledge.provedAt : undefined
    soundAt = proved ?? known.evidence?.at ?? now
    setDeadline(now)
    patience = firstPatience
    const half = soundAt + bounds.maxStaleness / 2 - now
    sleep(Math.max(bounds.maxStaleness / 8, half))
  }

  /** Whatever is being asked or waited for: nothing rests on older evidence than the bound. */
  function setDeadline(now: number): void {
    cancelDeadline()
    cancelDeadline = clock.after(Math.max(1, soundAt + bounds.maxStaleness + 1 - now), tooOld)
  }

  function tooOld(): void {
    const now = clock.monotonic()
    const decision = decideNow(now)
    if (decision.say === 'deny') end(deny(decision.reason))
    // A request may have brought newer evidence, or a list a newer proof.
    else if (decision.say === 'allow') rest(now)
    else if (terms.onUnknown !== 'allow') {
      end(unknown(decision.say === 'unknown' ? decision.reason : 'server_unreachable'))
    }
  }

  function retry(): void {
    sleep(patience)
    patience = Math.min(patience * 2, longestPatience)
  }

  /** Five minutes at most, so no timer overflows on a token of 90 days. */
  function sleep(ms: number): void {
    cancel()
    const left = known.judged.expiresAt * 1000 + bounds.clockSkew - serverClock.now()
    cancel = clock.after(Math.max(1, Math.min(ms, left, longestRest)), wake)
  }

  /** A withdrawn key takes its tokens with it, also those that are in use. */
  function wake(): void {
    if (busy || stopped) return
    wait(parts.confirm(known, token), (refusal) => (refusal ? conclude(refusal) : look()))
  }

  function wait<T>(answer: Promise<T>, next: (value: T) => void): void {
    busy = true
    const settle = (then: () => void): void => {
      busy = false
      if (!stopped) then()
    }
    void answer.then(
      (value) => settle(() => next(value)),
      () => settle(() => conclude(unknown('internal_error'))),
    )
  }

  function stop(): void {
    stopped = true
    cancel()
    cancelDeadline()
    unfollow()
  }

  function end(why: Deny | Unknown): void {
    stop()
    onEnd(why)
  }

  setDeadline(clock.monotonic())
  return { look, stop }
}
