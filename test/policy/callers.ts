import type { AgentOptions, Emulator, MintOptions } from '../../src/emulator/index.ts'

/** Who asks: the agent as it is registered, its token as it is minted, and whom it is handed on to. */
export interface Caller {
  readonly agent: AgentOptions
  readonly mint: Omit<MintOptions, 'agent'>
  /** Each gets a delegation from the one before; the last of them asks. */
  readonly delegates?: readonly AgentOptions[]
}

export type CallerName = keyof typeof callers

const home = { account: 'acct-1', project: 'proj-1' }
const api = 'https://api.example.com'
const working = ['data:read', 'tools:execute', 'tools:network']
const worker = { ...home, subType: 'tool_agent' }

/** The callers of the table. `nobody` has no token. */
export const callers = {
  nobody: undefined,
  reader: { agent: home, mint: { scopes: ['data:read'] } },
  writer: { agent: home, mint: { scopes: ['data:read', 'data:write'] } },
  orchestrator: {
    agent: { ...home, subType: 'orchestrator' },
    mint: { scopes: working, audience: api, claims: { allowed_tools: ['search', 'browse'] } },
  },
  unverified: { agent: { ...home, trustLevel: 'unverified' }, mint: { scopes: working } },
  partner: { agent: { ...home, trustLevel: 'verified_third_party' }, mint: { scopes: working } },
  unheardOf: { agent: { ...home, trustLevel: 'galactic' }, mint: { scopes: working } },
  service: { agent: { ...home, identityType: 'service' }, mint: { scopes: ['data:read'] } },
  stranger: { agent: { account: 'acct-2', project: 'proj-9' }, mint: { scopes: working } },
  neighbour: { agent: { account: 'acct-1', project: 'proj-2' }, mint: { scopes: working } },
  elsewhere: {
    agent: home,
    mint: { scopes: working, audience: ['https://other.example.com', 'https://third.example.com'] },
  },
  child: { agent: home, mint: { scopes: working }, delegates: [worker] },
  grandchild: { agent: home, mint: { scopes: working }, delegates: [worker, worker] },
  chain: {
    agent: home,
    mint: { scopes: working, profile: 'rfc8693' },
    delegates: [worker, worker, worker],
  },
  onBehalf: { agent: home, mint: { scopes: working, principal: 'user_42' } },
  onBehalfUnverified: {
    agent: { ...home, trustLevel: 'unverified' },
    mint: { scopes: working, principal: 'user_42' },
  },
} satisfies Record<string, Caller | undefined>

/**
 * Mints the token of a caller.
 *
 * @param zeroid where it is registered
 * @param name of the caller; not `nobody`
 */
export async function mintFor(zeroid: Emulator, name: CallerName): Promise<string> {
  const caller: Caller | undefined = callers[name]
  if (caller === undefined) throw new Error(`${name} has no token`)
  let token = await zeroid.mint({ ...caller.mint, agent: await zeroid.agent(caller.agent) })
  for (const delegate of caller.delegates ?? []) {
    token = await zeroid.delegate(token, { to: await zeroid.agent(delegate) })
  }
  return token
}
