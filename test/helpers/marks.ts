import { forkHelper } from './fork.ts'

/** Tenants of ten thousand agents each, in a process of their own. */
export interface ManyAgents {
  readonly url: string
  /** The tenants' accounts; their project is `proj-demo`. */
  readonly accounts: readonly string[]
  /** A token of one of the agents, issued a minute ago. */
  readonly victim: string
  /** A token of another agent of the same tenant, which nobody revokes. */
  readonly bystander: string
  /** Sends one critical signal on each agent, over the streams and into the lists. */
  revokeAll(): Promise<void>
}

export async function startManyAgents(tenants: number): Promise<ManyAgents> {
  const { started, tell } = await forkHelper<Omit<ManyAgents, 'revokeAll'>>(
    'marks-server.ts',
    tenants,
  )
  return { ...started, revokeAll: async () => void (await tell('revoke')) }
}
