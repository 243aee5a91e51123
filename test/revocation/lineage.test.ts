import { describe, expect, it } from 'vitest'
import type { LineageClaims } from '../../src/revocation/lineage.ts'
import { lineageOf } from '../../src/revocation/lineage.ts'

const agent = (name: string): string => `spiffe://zeroid.test/a/p/agent/${name}`
const acting = (...subjects: string[]): LineageClaims['actors'] =>
  subjects.map((subject) => ({ subject }))

const legacy: LineageClaims = {
  subject: agent('one'),
  grantType: 'client_credentials',
  profile: 'legacy',
  principalType: undefined,
  actors: [],
  delegationDepth: 0,
}
const exchanged: LineageClaims = {
  ...legacy,
  grantType: 'token_exchange',
  actors: acting(agent('parent')),
  delegationDepth: 1,
}
const keyed: LineageClaims = { ...legacy, grantType: 'api_key', actors: acting('user_owner') }
const nested: LineageClaims = {
  ...legacy,
  grantType: 'token_exchange',
  profile: 'rfc8693',
  principalType: 'user',
  subject: 'user-7',
  actors: acting(agent('one')),
  delegationDepth: 1,
}

type Row = [string, LineageClaims, readonly string[], boolean]

const rows: Row[] = [
  ['legacy, depth 0: the subject is all', legacy, [agent('one')], true],
  ['legacy, depth 1: subject and parent are all', exchanged, [agent('one'), agent('parent')], true],
  [
    'legacy, depth 2: the grandparent is not named',
    { ...exchanged, delegationDepth: 2 },
    [agent('one'), agent('parent')],
    false,
  ],
  [
    'legacy, depth 9: nor anybody above',
    { ...exchanged, delegationDepth: 9 },
    [agent('one'), agent('parent')],
    false,
  ],
  [
    'legacy, depth 1 without act: the parent is not named',
    { ...exchanged, actors: [] },
    [agent('one')],
    false,
  ],
  [
    'legacy, delegated by somebody who is no workload: not told apart',
    { ...exchanged, actors: acting('user_owner') },
    [agent('one'), 'user_owner'],
    false,
  ],
  ['legacy, API key: its creator does not act', keyed, [agent('one')], true],
  ['legacy, API key without a creator', { ...keyed, actors: [] }, [agent('one')], true],
  [
    'legacy, API key whose act looks like a workload: it may be a parent under a false name',
    { ...keyed, actors: acting(agent('parent')) },
    [agent('one')],
    false,
  ],
  [
    'legacy, API key with a depth: not believed',
    { ...keyed, delegationDepth: 1 },
    [agent('one')],
    false,
  ],
  [
    'legacy, a subject that is no WIMSE URI matches no mark',
    { ...legacy, subject: 'custom' },
    ['custom'],
    false,
  ],
  [
    'legacy, API key of a subject that is no WIMSE URI',
    { ...keyed, subject: 'custom' },
    ['custom'],
    false,
  ],
  ['rfc8693, a user and one actor', nested, ['user-7', agent('one')], true],
  [
    'rfc8693, depth 0: a workload by itself',
    { ...nested, subject: agent('one'), principalType: 'workload', actors: [], delegationDepth: 0 },
    [agent('one')],
    true,
  ],
  [
    'rfc8693, a chain of three: everybody is named',
    { ...nested, actors: acting(agent('c'), agent('b'), agent('a')), delegationDepth: 3 },
    ['user-7', agent('c'), agent('b'), agent('a')],
    true,
  ],
  [
    'rfc8693, a chain shorter than the depth: somebody is missing',
    { ...nested, actors: acting(agent('c'), agent('b')), delegationDepth: 3 },
    ['user-7', agent('c'), agent('b')],
    false,
  ],
  [
    'rfc8693, a chain with an actor that no mark can match',
    { ...nested, actors: acting(agent('b'), 'somebody'), delegationDepth: 2 },
    ['user-7', agent('b'), 'somebody'],
    false,
  ],
  [
    'rfc8693, a principal of unknown type that is no WIMSE URI',
    { ...nested, principalType: 'unknown' },
    ['user-7', agent('one')],
    false,
  ],
  [
    'rfc8693, a workload that is no WIMSE URI',
    { ...nested, principalType: 'workload' },
    ['user-7', agent('one')],
    false,
  ],
  [
    'rfc8693, an API key: whoever is named counts',
    { ...nested, grantType: 'api_key', subject: agent('x'), principalType: 'workload' },
    [agent('x'), agent('one')],
    true,
  ],
]

describe('lineageOf', () => {
  it.each(rows)('%s', (_title, claims, names, complete) => {
    expect(lineageOf(claims)).toEqual({ names, complete })
  })
})
