import type { AgentIdentity } from '../identity/agent.ts'

/** Options under which nobody is let in without a token, whatever their values come to be. */
interface NeverAnonymous {
  readonly optional?: false | undefined
  readonly policy?: undefined
  // Without a member in common no options would be taken for such.
  readonly url?: unknown
  readonly gate?: unknown
}

/**
 * What `zeroid()` leaves in Hono's context, by its options as they are written down: where it may be
 * `optional`, or a route of a `policy` may be for anybody, nobody may be known.
 */
export interface EnvOf<O> {
  Variables: { zeroid: O extends NeverAnonymous ? AgentIdentity : AgentIdentity | undefined }
}
