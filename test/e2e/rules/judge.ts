import { createGate } from '../../../src/gate.ts'
import type { Policy } from '../../../src/policy/policy.ts'
import { evaluate } from '../../../src/policy/requirements.ts'
import type { Identity } from '../../../src/verdict.ts'
import { bearer } from '../../helpers/stack.ts'
import type { CallerName } from '../../policy/callers.ts'
import type { Expected, Row, RowRequest } from '../../policy/table.ts'

/** What becomes of a request: `passes`, or status and error code, and the scopes that are missing. */
export type Outcome = string

/** Who the callers are, as a gate reads it from their tokens. */
export type Identities = ReadonlyMap<CallerName, Identity>

/**
 * Reads the callers' tokens by a gate of its own.
 *
 * @param url of the server that minted them
 * @param tokens by caller
 */
export async function readIdentities(
  url: string,
  tokens: ReadonlyMap<CallerName, string>,
): Promise<Identities> {
  const gate = createGate({ url })
  try {
    await gate.started
    const identities = new Map<CallerName, Identity>()
    for (const [name, token] of tokens) {
      const verdict = await gate.check(bearer(token))
      if (verdict.outcome !== 'allow') throw new Error(`the token of ${name} is refused`)
      identities.set(name, verdict.identity)
    }
    return identities
  } finally {
    await gate.close()
  }
}

/**
 * What the rules alone say of a request, whoever sends it: no proxy, no door.
 *
 * @param policy the rules
 * @param request as somebody serves it
 * @param identity who sends it; undefined: no token
 */
export function judge(
  policy: Policy,
  { method, scheme, host, path, headers }: RowRequest,
  identity: Identity | undefined,
): Outcome {
  const isPreflight = method === 'OPTIONS' && headers.Origin !== undefined
  const match = policy.match({
    method,
    scheme,
    host,
    path: path?.split('?')[0],
    preflightFor: isPreflight ? headers['Access-Control-Request-Method'] : undefined,
  })
  if (match.kind === 'none' || match.kind === 'refused') return outcomeOf(403, 'access_denied')
  const { route } = match
  if (match.kind === 'preflight' || route.allow === 'anonymous') return 'passes'
  if (identity === undefined) return outcomeOf(401, 'missing_token')
  if (route.dpop === 'required') return outcomeOf(401, 'invalid_token')
  const refusal = evaluate(route.requirements, identity)
  if (refusal === undefined || route.shadow) return 'passes'
  return outcomeOf(refusal.status, refusal.code, refusal.scopes)
}

/** What a row's table wants. */
export function wanted({ expected }: Row): Outcome {
  const { status, error, scopes }: Expected = expected
  return status === 200 ? 'passes' : outcomeOf(status, error, scopes)
}

/** Writes an outcome down. */
export function outcomeOf(
  status: number,
  error: string | undefined,
  scopes?: readonly string[],
): Outcome {
  return [status, error, scopes?.join(' ')].filter((part) => part !== undefined).join(' ')
}
