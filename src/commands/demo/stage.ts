import type { Agent, Emulator } from '../../emulator/index.ts'
import type { Verdict } from '../../verdict.ts'
import { startTrial, tenant } from '../trial.ts'
import type { Answer, Caller } from './caller.ts'
import { createCaller } from './caller.ts'

/** An answer of the gate, and the reason, which only the log would tell. */
export interface Shown extends Answer {
  readonly reason: string
}

/** Where the scene is played. */
export interface Stage {
  readonly zeroid: Emulator
  readonly zeroidUrl: string
  readonly gateUrl: string
  /** Shows a token at the gate. */
  show(token: string): Promise<Shown>
  /** Shows a token at the gate until it is refused; resolves to milliseconds. */
  untilDenied(token: string, timeout: number): Promise<number>
  /** Gets a token by `POST /oauth2/token`. */
  token(request: object): Promise<string>
  /** `POST` at ZeroID, which must answer one of 200 and 201. */
  post(path: string, body: object): Promise<Answer>
  close(): Promise<void>
}

const verifyPath = '/oauth2/token/verify'

/** Starts ZeroID and a gate on free ports. */
export async function openStage(): Promise<Stage> {
  let last: Verdict | undefined
  const trial = await startTrial(
    { zeroid: 0, gate: 0, admin: 0 },
    {
      verdict(verdict) {
        last = verdict
      },
    },
  )
  const { zeroid, sidecar } = trial
  const callers = new Set<Caller>()
  const open = (base: string): Caller => {
    const caller = createCaller(base)
    callers.add(caller)
    return caller
  }
  const server = open(zeroid.url)
  const gate = open(sidecar.url)

  async function post(path: string, body: object): Promise<Answer> {
    const headers = { 'x-account-id': tenant.account, 'x-project-id': tenant.project }
    const answer = await server.post(path, body, headers)
    if (answer.status === 200 || answer.status === 201) return answer
    throw new Error(`ZeroID answered ${answer.status} to POST ${path}`)
  }

  return {
    zeroid,
    zeroidUrl: zeroid.url,
    gateUrl: sidecar.url,
    async show(token) {
      const answer = await gate.get(verifyPath, bearer(token))
      return { ...answer, reason: last === undefined ? 'no verdict' : reasonOf(last) }
    },
    async untilDenied(token, timeout) {
      const caller = open(sidecar.url)
      const since = performance.now()
      let status = 0
      while (status !== 401) {
        if (performance.now() - since > timeout) {
          throw new Error(`the gate still answered ${status} after ${timeout} ms`)
        }
        status = (await caller.get(verifyPath, bearer(token))).status
      }
      return performance.now() - since
    },
    async token(request) {
      const { body } = await post('/oauth2/token', request)
      return (JSON.parse(body) as { access_token: string }).access_token
    },
    post,
    async close() {
      for (const caller of callers) caller.close()
      await trial.close()
    },
  }
}

/** The request by which an agent gets a token for itself. */
export function credentialsOf(agent: Agent): object {
  return {
    grant_type: 'client_credentials',
    account_id: agent.account,
    project_id: agent.project,
    client_id: agent.externalId,
    client_secret: agent.clientSecret,
    scope: 'data:read data:write',
  }
}

/** The headers that carry a token. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

function reasonOf(verdict: Verdict): string {
  return verdict.outcome === 'allow' ? verdict.evidence.kind : verdict.reason
}
