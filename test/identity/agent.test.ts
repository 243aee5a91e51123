import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { AccessError } from '../../src/errors.ts'
import type { AgentIdentity } from '../../src/identity/agent.ts'
import { createAgent, describeAgent } from '../../src/identity/agent.ts'
import type { Actor, Identity } from '../../src/verdict.ts'

const workload = 'spiffe://zeroid.test/a/p/agent/one'
const parent = 'spiffe://zeroid.test/a/p/agent/parent'

const identity: Identity = {
  subject: workload,
  accountId: 'a',
  projectId: 'p',
  tokenId: 't1',
  identityType: 'agent',
  trustLevel: 'verified_third_party',
  externalId: 'one',
  actSubject: undefined,
  actor: workload,
  scopes: ['data:read', 'data:write'],
  delegationDepth: 0,
  missionId: 'm1',
  owner: 'user_7',
  subType: undefined,
  audiences: [],
  keyThumbprint: undefined,
  profile: 'legacy',
  principalType: undefined,
  actors: [],
  tools: ['search'],
  grantType: 'api_key',
  issuedAt: 0,
  expiresAt: 1,
}

function agent(changed: Partial<Identity> = {}): AgentIdentity {
  return createAgent({ ...identity, ...changed }, new AbortController(), ({ signal }) => signal)
}

const actor = (subject: string): Actor => ({
  subject,
  identityType: undefined,
  trustLevel: undefined,
  externalId: undefined,
})

function thrownBy(what: () => void): unknown {
  try {
    what()
    return undefined
  } catch (error) {
    return error
  }
}

describe('scopes', () => {
  test('are had or not, by the letter', () => {
    const asked = ['data:read', 'data', 'DATA:READ', '', 'data:read data:write']
    expect(asked.map((scope) => agent().hasScope(scope))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  test('that are all there let the caller go on', () => {
    expect(thrownBy(() => agent().requireScope('data:read', 'data:write'))).toBeUndefined()
  })

  test('that are missing are named by an error of 403', () => {
    const error = thrownBy(() => agent().requireScope('data:read', 'admin', 'root'))
    expect(error).toBeInstanceOf(AccessError)
    expect(error).toMatchObject({ code: 'insufficient_scope', status: 403, statusCode: 403 })
    expect((error as AccessError).message).toBe('a scope is missing: admin root')
  })

  test('must be asked for: asking for none is refused', () => {
    const { requireScope } = agent() as unknown as { requireScope: () => void }
    const none = thrownBy(() => requireScope.call(agent()))
    expect(none).toMatchObject({ code: 'insufficient_scope' })
  })
})

describe('trust', () => {
  test.each([
    ['first_party', [true, true, true]],
    ['verified_third_party', [true, true, false]],
    ['unverified', [true, false, false]],
    ['something_new', [false, false, false]],
    ['First_Party', [false, false, false]],
    [undefined, [false, false, false]],
  ])('of level %s is at least what it is, and never more', (trustLevel, expected) => {
    const levels = ['unverified', 'verified_third_party', 'first_party'] as const
    const one = agent({ trustLevel })
    expect(levels.map((least) => one.hasTrust(least))).toEqual(expected)
    const thrown = levels.map((least) => thrownBy(() => one.requireTrust(least)))
    expect(thrown.map((error) => error === undefined)).toEqual(expected)
    for (const error of thrown.filter((it) => it !== undefined)) {
      expect(error).toMatchObject({ code: 'insufficient_trust', status: 403 })
    }
  })

  test.each(['trusted', '', 'FIRST_PARTY', 'constructor', undefined])(
    'that nobody knows, %s, is had by no one',
    (least) => {
      const one = agent({ trustLevel: 'first_party' })
      expect(one.hasTrust(least as never)).toBe(false)
      expect(thrownBy(() => one.requireTrust(least as never))).toMatchObject({
        code: 'insufficient_trust',
      })
    },
  )
})

describe('tools', () => {
  test('are those that the token names', () => {
    expect(['search', 'Search', 'sear', ''].map((tool) => agent().hasTool(tool))).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  test('are none where it names none', () => {
    expect(agent({ tools: [] }).hasTool('search')).toBe(false)
  })
})

describe('delegation', () => {
  test('of an agent of its own is none', () => {
    const { isDelegated, delegationDepth, priorActors, currentActor, human } = agent()
    expect([isDelegated, delegationDepth, priorActors, human]).toEqual([false, 0, [], undefined])
    expect(currentActor).toEqual({
      subject: workload,
      identityType: 'agent',
      trustLevel: 'verified_third_party',
      externalId: 'one',
    })
  })

  test('under the legacy profile tells its depth and its parent', () => {
    const one = agent({ delegationDepth: 2, actors: [actor(parent)] })
    expect([one.isDelegated, one.delegationDepth]).toEqual([true, 2])
    expect(one.priorActors.map(({ subject }) => subject)).toEqual([parent])
    expect(one.currentActor.subject).toBe(workload)
  })

  test.each([
    ['user', 'user_42'],
    ['workload', undefined],
    ['unknown', undefined],
    ['something_new', undefined],
  ])('under rfc8693 on behalf of a principal of type %s has %s as its human', (type, human) => {
    const one = agent({
      profile: 'rfc8693',
      principalType: type,
      subject: 'user_42',
      actors: [actor(workload), actor(parent)],
    })
    expect(one.human).toBe(human)
    expect([one.currentActor.subject, one.priorActors.map(({ subject }) => subject)]).toEqual([
      workload,
      [parent],
    ])
  })
})

describe('what an agent shows of itself', () => {
  const secret = { rawHeaders: ['Authorization', 'Bearer s3cret'] }
  const one = createAgent(identity, secret, () => new AbortController().signal)

  test('is its claims, and nothing of the request behind it', () => {
    const shown = [
      inspect(one, { depth: null, showHidden: true, getters: true, customInspect: false }),
      inspect({ ...one }, { depth: null, showHidden: true }),
      JSON.stringify(one),
    ]
    for (const text of shown) {
      expect(text).toContain(workload)
      expect(text).not.toContain('s3cret')
    }
    expect(Reflect.ownKeys(one)).toEqual(['claims'])
  })

  test('is the same where headers tell of it', () => {
    expect(JSON.parse(JSON.stringify(describeAgent(identity)))).toEqual(
      JSON.parse(JSON.stringify(identity)),
    )
  })
})
