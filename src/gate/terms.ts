import type { Target } from '../request/target.ts'
import type { Bounds, Mode } from '../revocation/facts.ts'
import type { Deny, Identity, Proof } from '../verdict.ts'
import { refuse } from '../verdict.ts'

/** What is checked; Node's `IncomingMessage` is one. */
export interface CheckRequest {
  /** Header names and values in turn, none joined and none dropped. */
  readonly rawHeaders: readonly string[]
}

/** Whether a proof of possession is asked for: `if_bound` where the token is bound to a key. */
export type ProofDemand = 'required' | 'if_bound' | 'off'

/** What a place asks for beyond a good token. Everything is optional; a default is the gate's. */
export interface Demands {
  /** The place's name, for log and metrics; never told to a caller. */
  readonly route?: string | undefined
  /** Milliseconds: no allow rests on older evidence. */
  readonly maxStaleness?: number | undefined
  readonly mode?: Mode | undefined
  readonly onUnknown?: 'deny' | 'allow' | undefined
  /** Default `if_bound`. */
  readonly proof?: ProofDemand | undefined
  /**
   * Whether a caller with a good token may pass. Called once for each request that would be
   * allowed; must not throw.
   */
  readonly admit?: ((identity: Identity, proof: Proof | undefined) => Deny | undefined) | undefined
  /**
   * What the request was, asked only where something depends on it, as a proof does. Default:
   * nobody can tell, and a proof is refused.
   */
  readonly describe?: ((request: CheckRequest) => Target | Deny) | undefined
}

/** Demands, made ready for many requests. */
export interface Terms {
  readonly route: string | undefined
  readonly bounds: Bounds
  readonly onUnknown: 'deny' | 'allow'
  readonly proof: ProofDemand
  readonly admit: Demands['admit']
  readonly describe: (request: CheckRequest) => Target | Deny
}

/**
 * @param demands of a place
 * @param bounds the gate's own
 * @param onUnknown the gate's own
 */
export function createTerms(demands: Demands, bounds: Bounds, onUnknown: 'deny' | 'allow'): Terms {
  return {
    route: demands.route,
    bounds: {
      mode: demands.mode ?? bounds.mode,
      maxStaleness: demands.maxStaleness ?? bounds.maxStaleness,
      clockSkew: bounds.clockSkew,
    },
    onUnknown: demands.onUnknown ?? onUnknown,
    proof: demands.proof ?? 'if_bound',
    admit: demands.admit,
    describe: demands.describe ?? undescribed,
  }
}

function undescribed(): Deny {
  return refuse('request_not_described')
}
