import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Judged, Requirements } from '../../src/policy/requirements.ts'
import { evaluate } from '../../src/policy/requirements.ts'
import { subjectPattern } from '../../src/policy/subject.ts'

const agent: Judged = {
  accountId: 'acct-1',
  projectId: 'proj-1',
  identityType: 'agent',
  trustLevel: 'first_party',
  subType: 'tool_agent',
  audiences: ['https://api.example.com'],
  actor: 'spiffe://example.org/acct-1/a',
  actors: [],
  delegationDepth: 0,
  scopes: ['data:read'],
  tools: ['search'],
}

function party(subject: string): Judged['actors'][number] {
  return { subject, identityType: undefined, trustLevel: undefined, externalId: undefined }
}

describe('requirements', () => {
  test('that ask for nothing let everybody pass', () => {
    expect(evaluate({}, agent)).toBeUndefined()
    expect(evaluate({ scopes: {}, tools: [] }, { ...agent, scopes: [], tools: [] })).toBeUndefined()
  })

  test('name what is missing in one order, whatever else is missing', () => {
    const all: [string, Requirements][] = [
      ['tenant_not_allowed', { tenants: ['acct-2/proj-1'] }],
      ['audience_not_allowed', { audiences: ['https://other.example.com'] }],
      ['identity_type_not_allowed', { identityTypes: ['service'] }],
      ['sub_type_not_allowed', { subTypes: ['orchestrator'] }],
      ['delegation_too_deep', { maxDepth: -1 }],
      ['actor_not_allowed', { actors: [subjectPattern('spiffe://example.org/acct-2/**')] }],
      ['insufficient_trust', { trust: 'galactic' as never }],
      ['tool_not_allowed', { tools: ['delete'] }],
      ['insufficient_scope', { scopes: { all: ['data:write'] } }],
    ]
    for (const [i, [reason]] of all.entries()) {
      const requirements = Object.assign({}, ...all.slice(i).map(([, it]) => it)) as Requirements
      expect(evaluate(requirements, agent)).toMatchObject({ outcome: 'deny', status: 403, reason })
    }
  })

  test('of a trust level tell the level', () => {
    const third: Judged = { ...agent, trustLevel: 'verified_third_party' }
    expect(evaluate({ trust: 'first_party' }, third)).toEqual({
      outcome: 'deny',
      status: 403,
      code: 'insufficient_trust',
      reason: 'insufficient_trust',
      trustLevel: 'first_party',
    })
    expect(evaluate({ trust: 'unverified' }, { ...agent, trustLevel: undefined })).toMatchObject({
      reason: 'insufficient_trust',
    })
  })

  test.each<[Requirements['scopes'], string[], string[] | undefined]>([
    [{ all: ['a', 'b'] }, ['a', 'b'], undefined],
    [{ all: ['a', 'b'] }, ['b'], ['a']],
    [{ all: ['a', 'b', 'a'] }, [], ['a', 'b']],
    [{ any: ['a', 'b'] }, ['b'], undefined],
    [{ any: ['a', 'b'] }, ['c'], ['a']],
    [{ all: ['a'], any: ['b', 'c'] }, ['a'], ['b']],
    [{ all: ['a'], any: ['b', 'c'] }, ['c'], ['a']],
    [{ all: ['a'], any: ['b', 'c'] }, [], ['a', 'b']],
    [{ all: ['a'], any: ['b', 'a'] }, [], ['a']],
    [{ all: ['a'] }, ['A', 'a:b', 'ab'], ['a']],
  ])('of scopes %j with %j granted lack %j', (scopes, granted, lacking) => {
    expect(evaluate({ scopes }, { ...agent, scopes: granted })?.scopes).toEqual(lacking)
  })

  test('of scopes name what is enough, and no more than that', () => {
    const some = fc.subarray(['a', 'b', 'c', 'd'])
    const property = fc.property(some, some, some, (all, any, granted) => {
      const scopes = { all, any: any.length === 0 ? undefined : any }
      const refusal = evaluate({ scopes }, { ...agent, scopes: granted })
      const lacking = refusal?.scopes ?? []
      expect(lacking.some((it) => granted.includes(it))).toBe(false)
      expect(evaluate({ scopes }, { ...agent, scopes: [...granted, ...lacking] })).toBeUndefined()
      for (const spared of lacking) {
        const rest = lacking.filter((it) => it !== spared)
        expect(evaluate({ scopes }, { ...agent, scopes: [...granted, ...rest] })).toBeDefined()
      }
    })
    fc.assert(property)
  })

  test('of depth believe whichever tells more: the count, or the parties that are named', () => {
    const two = [party('spiffe://example.org/acct-1/b'), party('spiffe://example.org/acct-1/c')]
    const deep = { reason: 'delegation_too_deep' }
    expect(evaluate({ maxDepth: 0 }, agent)).toBeUndefined()
    expect(evaluate({ maxDepth: 1 }, { ...agent, delegationDepth: 2 })).toMatchObject(deep)
    expect(evaluate({ maxDepth: 1 }, { ...agent, actors: two })).toMatchObject(deep)
    expect(evaluate({ maxDepth: 2 }, { ...agent, actors: two })).toBeUndefined()
    expect(evaluate({ maxDepth: 9 }, { ...agent, delegationDepth: Number.NaN })).toMatchObject(deep)
  })

  test('of actors look at every party that is told', () => {
    const actors = [subjectPattern('spiffe://example.org/acct-1/**'), subjectPattern('user_*')]
    const named = (...subjects: string[]): Judged => ({ ...agent, actors: subjects.map(party) })
    const refused = { reason: 'actor_not_allowed' }
    expect(evaluate({ actors }, named('spiffe://example.org/acct-1/b', 'user_7'))).toBeUndefined()
    expect(evaluate({ actors }, named('user_7', 'spiffe://example.org/acct-2/b'))).toMatchObject(
      refused,
    )
    expect(evaluate({ actors }, { ...agent, actor: 'spiffe://example.org/x/a' })).toMatchObject(
      refused,
    )
  })

  test('of what headers do not tell refuse those who are known by headers alone', () => {
    const { subType: _, audiences: __, ...forwarded } = agent
    expect(evaluate({ subTypes: ['tool_agent'] }, forwarded)).toMatchObject({
      reason: 'sub_type_not_allowed',
    })
    expect(evaluate({ audiences: ['https://api.example.com'] }, forwarded)).toMatchObject({
      reason: 'audience_not_allowed',
    })
  })

  test('of a tenant compare account and project, not the text they make', () => {
    const refused = { reason: 'tenant_not_allowed' }
    const of = (accountId: string, projectId: string): Judged => ({
      ...agent,
      accountId,
      projectId,
    })
    expect(evaluate({ tenants: ['a/b'] }, of('a', 'b'))).toBeUndefined()
    expect(evaluate({ tenants: ['a/b'] }, of('b', 'a'))).toMatchObject(refused)
    expect(evaluate({ tenants: ['a/b'] }, of('a/b', ''))).toMatchObject(refused)
    expect(evaluate({ tenants: ['a/b'] }, of('', 'a/b'))).toMatchObject(refused)
  })
})
