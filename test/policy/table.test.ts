import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Gate } from '../../src/gate.ts'
import { createGate } from '../../src/gate.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { evaluate } from '../../src/policy/requirements.ts'
import type { Target } from '../../src/request/target.ts'
import type { Identity } from '../../src/verdict.ts'
import { bearer } from '../helpers/stack.ts'
import type { CallerName } from './callers.ts'
import { callers, mintFor } from './callers.ts'
import type { PolicyName } from './policies.ts'
import { policies } from './policies.ts'
import type { Expected, Row, RowRequest } from './table.ts'
import { table } from './table.ts'

/** Who each caller is, as the gate read it from a token that was really minted. */
const identities = new Map<CallerName, Identity>()
const made = new Map<PolicyName, Policy>()

describe('the table of policies', () => {
  let zeroid: Emulator
  let gate: Gate

  beforeAll(async () => {
    zeroid = await startEmulator()
    gate = createGate({ url: zeroid.url })
    await gate.started
    for (const name of Object.keys(callers) as CallerName[]) {
      if (name === 'nobody') continue
      const verdict = await gate.check(bearer(await mintFor(zeroid, name)))
      expect(verdict, name).toMatchObject({ outcome: 'allow' })
      if (verdict.outcome === 'allow') identities.set(name, verdict.identity)
    }
    for (const name of Object.keys(policies) as PolicyName[]) {
      made.set(name, policyFrom(policies[name]))
    }
  })

  afterAll(async () => {
    await gate.close()
    await zeroid.close()
  })

  test('has rows of different names', () => {
    expect(new Set(table.map(({ name }) => name)).size).toBe(table.length)
    expect(table.length).toBeGreaterThan(150)
  })

  test.each(table)('$name', (row) => {
    expect(outcomeOf(row)).toEqual(row.expected)
  })

  test.each(Object.keys(policies) as PolicyName[])('%s is explained as it decides', (name) => {
    for (const row of table.filter(({ policy }) => policy === name)) {
      const policy = policyOf(row)
      const target = targetOf(row.request)
      const match = policy.match(target)
      const lines = policy.explain(target)
      const decided = lines.at(-1)
      expect(
        lines.map(({ place }) => place),
        row.name,
      ).toEqual(lines.map((_, i) => i + 1))
      expect(
        lines.slice(0, -1).some(({ matched }) => matched),
        row.name,
      ).toBe(false)
      const place = 'route' in match ? match.route.place : undefined
      expect(decided?.matched ? decided.place : undefined, row.name).toBe(place)
      if (match.kind === 'none') expect(lines, row.name).toHaveLength(policy.routes.length)
    }
  })
})

/** The door's part of it (who has no token or no proof) is played here: for rows that no door is asked. */
function outcomeOf(row: Row): Expected {
  const match = policyOf(row).match(targetOf(row.request))
  if (match.kind === 'none') return { status: 403, error: 'access_denied', reason: 'no_route' }
  if (match.kind === 'refused') {
    return { status: 403, error: 'access_denied', reason: match.reason }
  }
  const { route } = match
  const told = { route: route.name }
  if (match.kind === 'preflight' || route.allow === 'anonymous') return { status: 200, ...told }
  const identity = identities.get(row.caller)
  if (identity === undefined) {
    return { status: 401, error: 'missing_token', reason: 'missing_token', ...told }
  }
  if (route.dpop === 'required') {
    return { status: 401, error: 'invalid_token', reason: 'token_not_bound', ...told }
  }
  const refusal = evaluate(route.requirements, identity)
  if (refusal === undefined || route.shadow) return { status: 200, ...told }
  const { code, reason, scopes } = refusal
  const facts = scopes === undefined ? {} : { scopes }
  return { status: refusal.status as 403, error: code, reason, ...told, ...facts }
}

function policyOf(row: Row): Policy {
  const policy = made.get(row.policy)
  if (policy === undefined) throw new Error(`no policy ${row.policy}`)
  return policy
}

function targetOf({ method, scheme, host, path, headers }: RowRequest): Target {
  const isPreflight = method === 'OPTIONS' && headers.Origin !== undefined
  return {
    method,
    scheme,
    host,
    path: path?.split('?')[0],
    preflightFor: isPreflight ? headers['Access-Control-Request-Method'] : undefined,
  }
}
