import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Proofs } from '../dpop/proofs.ts'
import type { Observer } from '../observe/observer.ts'
import type { Target } from '../request/target.ts'
import { likelyToken, parseBearer, parseDpop, readAuthorization } from '../token/bearer.ts'
import type { Keys } from '../token/keys.ts'
import type { Verdict } from '../verdict.ts'
import type { Admission } from './admission.ts'
import type { Judge } from './judge.ts'
import type { Memory, Remembered } from './memory.ts'
import type { Presentation } from './possession.ts'
import { admit, conclude, createProofsOffNotes, isProved, refuseUnpresented } from './possession.ts'
import type { CheckRequest, Terms } from './terms.ts'

/** What finding out about a request needs. */
export interface InquiryParts {
  readonly clock: Clock
  readonly memory: Memory
  readonly keys: Keys
  readonly admission: Admission
  readonly judge: Judge
  /** Undefined: `GATE_DPOP=off`. */
  readonly proofs: Proofs | undefined
  readonly observer: Observer
}

/** From a request's headers to a verdict; may throw, and must then count as `unknown`. */
export type Inquiry = (
  request: CheckRequest,
  now: number,
  terms: Terms,
  target: Target | undefined,
) => Verdict | Promise<Verdict>

/** Tokens are known by this digest, so that no credential lies in memory. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64')
}

/**
 * Joins what a request goes through: its token found or verified, the token judged, the possession
 * of its key proved, the place's own demands.
 *
 * @param parts memory, admission, judge, proofs
 */
export function createInquiry(parts: InquiryParts): Inquiry {
  const { clock, memory, keys, admission, judge, proofs, observer } = parts
  const noteProofsOff = createProofsOffNotes(observer)

  function recall(digest: string): Remembered | undefined {
    const remembered = memory.get(digest)
    return remembered?.generation === keys.generation() ? remembered : undefined
  }

  async function judgeNew(token: string, digest: string, terms: Terms): Promise<Verdict> {
    const admitted = await admission.admit(digest, token)
    if ('outcome' in admitted) return admitted
    return await judge(admitted, token, clock.monotonic(), terms)
  }

  function concluded(
    verdict: Verdict | Promise<Verdict>,
    terms: Terms,
    presented: Presentation,
  ): Verdict | Promise<Verdict> {
    if (verdict instanceof Promise) {
      return verdict.then((settled) => concluded(settled, terms, presented))
    }
    const conclusion = conclude(verdict, terms, proofs, presented)
    noteProofsOff(conclusion, terms.route)
    return conclusion
  }

  /** For every token but the one that is in memory and was presented as nearly everybody does. */
  function inquireAnew(
    value: string,
    { likely, digest }: { readonly likely: string | undefined; readonly digest: string },
    now: number,
    terms: Terms,
    from: Pick<Presentation, 'request' | 'target'>,
  ): Verdict | Promise<Verdict> {
    const bound = proofs === undefined ? undefined : parseDpop(value)
    const token = bound ?? parseBearer(value)
    const scheme = bound === undefined ? 'bearer' : 'dpop'
    if (typeof token !== 'string') return concluded(token, terms, { scheme, digest, ...from })

    const own = token === likely ? digest : digestOf(token)
    const known = token === likely ? undefined : recall(own)
    observer.lookup?.(known !== undefined)
    const verdict =
      known === undefined ? judgeNew(token, own, terms) : judge(known, token, now, terms)
    return concluded(verdict, terms, { scheme, digest: own, ...from })
  }

  return function inquire(request, now, terms, target) {
    const value = readAuthorization(request.rawHeaders)
    if (typeof value !== 'string') return refuseUnpresented(value, terms, proofs)
    // A remembered token was parsed when it was first seen: finding it is cheaper than parsing.
    const likely = likelyToken(value)
    const digest = likely === undefined ? '' : digestOf(likely)
    const found = likely === undefined ? undefined : recall(digest)
    if (likely === undefined || found === undefined) {
      return inquireAnew(value, { likely, digest }, now, terms, { request, target })
    }
    observer.lookup?.(true)
    const verdict = judge(found, likely, now, terms)
    // Spares the usual request an object that only proofs need.
    if (!(verdict instanceof Promise) && terms.proof !== 'required') {
      if (verdict.outcome !== 'allow') return verdict
      if (isProved(verdict, terms)) return admit(verdict, terms)
    }
    return concluded(verdict, terms, { scheme: 'bearer', digest, request, target })
  }
}
