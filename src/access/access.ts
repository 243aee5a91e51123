import type { CheckRequest, Terms } from '../gate/terms.ts'
import type { UpgradeCheck, UpgradeRequest } from '../gate/upgrade.ts'
import type { Gate } from '../gate.ts'
import type { Match, Policy, Route } from '../policy/policy.ts'
import type { Target } from '../request/target.ts'
import type { Deny, Unknown, Verdict } from '../verdict.ts'
import { refuse, unknown } from '../verdict.ts'
import { demandsOf } from './demands.ts'

/** A request that needs no token here, so that nothing is said of any. */
export interface Passed {
  readonly outcome: 'passed'
  readonly route: string
  /** `preflight`: a browser's question whether it may ask (CORS); else the route is for anybody. */
  readonly why: 'anonymous' | 'preflight'
}

/** What becomes of a request: the verdict on its token, or that none was needed. */
export type Decision = Verdict | Passed

/** The rules in force. */
export interface PolicySource {
  /** Undefined as long as none could be loaded: then nobody may pass. */
  current(): Policy | undefined
}

/** What joins the gate with the rules. */
export interface AccessOptions<Request extends CheckRequest> {
  readonly gate: Gate
  /** Undefined: any good token may pass everywhere. */
  readonly policy: PolicySource | undefined
  /** What a request is: as the proxy tells it, or as it stands before us. */
  readonly describe: (request: Request) => Target | Deny
  /** Told what a proxy should have said: `method`, `scheme`, `host` or `path`. */
  readonly onUndescribed?: (missing: string) => void
}

/** Decides on requests, by token and by rules. */
export interface Access<Request extends CheckRequest> {
  /** What the rules say of a request. Never throws. */
  rule(request: Request): Ruling
  /**
   * Like `Gate.check`: never throws, never rejects, a promise only where something is asked.
   *
   * @param ruling on the request, where it is known already
   */
  check(request: Request, ruling?: Ruling): Decision | Promise<Decision>
  /** A handshake always needs a token, also where the route is for anybody: a socket has an owner. */
  checkUpgrade(request: Request & UpgradeRequest, ruling?: Ruling): Promise<UpgradeCheck>
}

/** What a place asks, or what becomes of a request that none can be found for. */
export type Ruling = Place | Deny | Unknown | Passed

/** A place that a request goes to; `target` is undefined where only a proof would ask for it. */
interface Place {
  readonly terms: Terms
  readonly target: Target | undefined
}

/**
 * Puts rules before a gate: the route decides what is asked of the token, the gate decides on the
 * token.
 *
 * @param options gate, rules, how requests are described
 */
export function createAccess<Request extends CheckRequest>(
  options: AccessOptions<Request>,
): Access<Request> {
  const { gate, policy, describe } = options
  const { observer } = gate
  // The gate hands it the very request that it was given.
  const plain = gate.terms({ describe: describe as (request: CheckRequest) => Target | Deny })
  /** Of the rules in force, by the place of each route. */
  let prepared: Terms[] = []
  let preparedFor: Policy | undefined

  function termsOf(route: Route): Terms {
    const known = prepared[route.place]
    if (known !== undefined) return known
    const made = gate.terms(demandsOf(route, observer))
    prepared[route.place] = made
    return made
  }

  function rule(request: Request): Ruling {
    const rules = policy?.current()
    if (rules === undefined) return unknown('policy_not_loaded', 5)
    if (rules !== preparedFor) {
      prepared = []
      preparedFor = rules
    }
    const target = describe(request)
    if ('outcome' in target) return target
    return rulingOf(rules.match(target), target)
  }

  function rulingOf(match: Match, target: Target): Ruling {
    switch (match.kind) {
      case 'none':
        return refuse('no_route')
      case 'refused':
        if (match.missing !== undefined) options.onUndescribed?.(match.missing)
        return refuse(match.reason)
      case 'preflight':
        return { outcome: 'passed', route: match.route.name, why: 'preflight' }
      case 'route':
        if (match.route.allow === 'anonymous') {
          return { outcome: 'passed', route: match.route.name, why: 'anonymous' }
        }
        return { terms: termsOf(match.route), target }
    }
  }

  function settled<D extends Deny | Unknown | Passed>(ruling: D): D {
    if (ruling.outcome === 'passed') observer.passed?.(ruling.route, ruling.why)
    else observer.verdict?.(ruling, 0)
    return ruling
  }

  function ruled(request: Request): Ruling {
    try {
      return rule(request)
    } catch (error) {
      observer.note?.('error', 'the policy failed unexpectedly; the request was refused with 503', {
        error: error instanceof Error ? error.name : typeof error,
      })
      return unknown('internal_error', 1)
    }
  }

  /** A proof may need what no route asked for. */
  function noted<V extends Verdict | Promise<Verdict>>(verdict: V): V {
    // What goes wrong here goes wrong for whoever waits for the verdict, too: he deals with it.
    if (verdict instanceof Promise) void verdict.then(noted, () => {})
    else if (verdict.outcome === 'deny' && verdict.reason === 'request_not_described') {
      options.onUndescribed?.(verdict.detail ?? 'path')
    }
    return verdict
  }

  if (policy === undefined) {
    const everywhere: Place = { terms: plain, target: undefined }
    return {
      rule: () => everywhere,
      check: (request) => noted(gate.check(request, plain)),
      checkUpgrade: (request) => gate.checkUpgrade(request, plain),
    }
  }
  return {
    rule: ruled,
    check(request, ruling = ruled(request)) {
      if ('outcome' in ruling) return settled(ruling)
      return noted(gate.check(request, ruling.terms, ruling.target))
    },
    async checkUpgrade(request, ruling = ruled(request)) {
      if (!('outcome' in ruling)) {
        return await gate.checkUpgrade(request, ruling.terms, ruling.target)
      }
      if (ruling.outcome === 'passed') return await gate.checkUpgrade(request, plain)
      return { verdict: settled(ruling), protocol: undefined }
    },
  }
}
