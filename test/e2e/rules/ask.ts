import { valuesOf } from '../../../src/doctor/client.ts'
import type { Echo } from '../../../src/doctor/echo.ts'
import { readEcho } from '../../../src/doctor/echo.ts'
import { headerIn } from '../../helpers/raw.ts'
import { sendRow } from '../../helpers/rows.ts'
import type { CallerName } from '../../policy/callers.ts'
import type { Row } from '../../policy/table.ts'
import type { Rig } from '../rig.ts'
import type { Outcome } from './judge.ts'
import { outcomeOf } from './judge.ts'

/** Whether a request can be written down as bytes: no part of it is untold. */
export function isWritable({ request: { method, host, path } }: Row): boolean {
  return method !== undefined && host && path !== undefined ? !/[^\0-\xff]/.test(path) : false
}

/** What became of a row's request behind a real proxy. */
export interface Seen {
  readonly outcome: Outcome
  /** What the backend got; undefined where nobody passed. */
  readonly served: Echo | undefined
  /** Whether the gate was asked at all. */
  readonly asked: boolean
}

/**
 * Sends a row's request, byte by byte, and looks at both sides of the proxy.
 *
 * @param rig the proxy and what stands around it
 * @param row the request
 * @param tokens by caller
 */
export async function ask(
  rig: Rig,
  row: Row,
  tokens: ReadonlyMap<CallerName, string>,
): Promise<Seen> {
  rig.gate.clear()
  const answer = await sendRow(rig.url, row, tokens)
  const asked = rig.gate.seen().length > 0
  if (answer === undefined) return { outcome: 'closed by the proxy', served: undefined, asked }
  const body = answer.body.toString('utf8')
  const served = readEcho({ body, header: (name) => headerIn(answer, name) })
  if (served !== undefined) return { outcome: 'passes', served, asked }
  const { status } = answer
  if (!asked) return { outcome: `${status} by the proxy`, served, asked }
  const error = /"error":"([^"]+)"/.exec(body)?.[1]
  const scopes = /^Bearer error="insufficient_scope", scope="([^"]+)"/.exec(
    headerIn(answer, 'WWW-Authenticate') ?? '',
  )?.[1]
  return { outcome: outcomeOf(status, error, scopes?.split(' ')), served, asked }
}

/** The parts of a request as the backend got it, by which the rules are asked. */
export function partsOf({ method, target, headers }: Echo): {
  readonly method: string
  readonly host: string
  /** With the query. */
  readonly path: string
} {
  // RFC 9112 §3.2.2: the host of an absolute form stands above the Host header.
  const [, authority, path = '/'] = /^https?:\/\/([^/?]+)(.*)$/i.exec(target) ?? []
  const host = authority ?? valuesOf(headers, 'Host').join(', ')
  return { method, host, path: authority === undefined ? target : path }
}
