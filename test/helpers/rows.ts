import type { Emulator } from '../../src/emulator/index.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { CallerName } from '../policy/callers.ts'
import { callers, mintFor } from '../policy/callers.ts'
import { policies } from '../policy/policies.ts'
import type { Row } from '../policy/table.ts'
import { table } from '../policy/table.ts'
import type { RawAnswer } from './raw.ts'
import { exchange, headerIn } from './raw.ts'

/** The rows of the policies' table that can be sent, and that plain HTTP says nothing else of. */
export const sendable: readonly Row[] = table.filter(
  ({ name, policy, modelOnly, request }) =>
    modelOnly === undefined &&
    name !== 'hosts: the port of https' &&
    !(policy === 'hosts' && /^\/(plain|secure)\//.test(request.path ?? '')),
)

/** A token for every caller of the table. */
export async function mintAll(zeroid: Emulator): Promise<ReadonlyMap<CallerName, string>> {
  const tokens = new Map<CallerName, string>()
  for (const name of Object.keys(callers) as CallerName[]) {
    if (name !== 'nobody') tokens.set(name, await mintFor(zeroid, name))
  }
  return tokens
}

/** Rules that change from row to row. */
export function createSwitch(): { current(): Policy | undefined; use(row: Row): void } {
  const made = new Map<Row['policy'], Policy>()
  let now: Policy | undefined
  return {
    current: () => now,
    use({ policy }) {
      now = made.get(policy) ?? policyFrom(policies[policy])
      made.set(policy, now)
    },
  }
}

/** Sends a row's request byte by byte. */
export async function sendRow(
  url: string,
  { request, caller }: Row,
  tokens: ReadonlyMap<CallerName, string>,
): Promise<RawAnswer | undefined> {
  const { method, path, host, headers } = request
  const token = tokens.get(caller)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(/^(POST|PUT|PATCH)$/.test(method ?? '') ? ['Content-Length: 0'] : []),
    'Connection: close',
  ]
  const [answer] = await exchange(url, `${lines.join('\r\n')}\r\n\r\n`, 1)
  return answer
}

/** What was said: the status, with the code and scopes of the challenge where there is one. */
export function saidOf(answer: RawAnswer | undefined): string {
  if (answer === undefined) return 'closed'
  const challenge = headerIn(answer, 'WWW-Authenticate') ?? ''
  const [, code, scopes] = /^Bearer error="([^"]+)"(?:, scope="([^"]*)")?/.exec(challenge) ?? []
  return outcomeOf(answer.status, code, scopes)
}

/** The code in what was said, apart from the challenge: in the body, or where proxies look for it. */
export function problemOf(answer: RawAnswer | undefined): string | undefined {
  const text = headerIn(answer, 'X-Zeroid-Problem') ?? answer?.body.toString() ?? ''
  return /"error":"([^"]+)"/.exec(text)?.[1]
}

/** What the table wants the gate to say; of what passes, the status alone. */
export function wantedOf({ expected: { status, error, scopes } }: Row): string {
  return outcomeOf(status, error, scopes?.join(' '))
}

function outcomeOf(...parts: readonly (string | number | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ')
}
