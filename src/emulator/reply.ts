import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import { sortedJson } from './json.ts'

/** What routes run on: Hono over Node's own request and response. */
export interface Env {
  Bindings: HttpBindings
}

/** A request being answered. */
export type Ctx = Context<Env>

/** Go's net/http sends a longer body in chunks, without a length. */
const chunkedAbove = 2048

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  409: 'Conflict',
  422: 'Unprocessable Entity',
  500: 'Internal Server Error',
}

/**
 * Answers with exactly these bytes. Written to Node's response directly: the Fetch `Response`
 * would choose between length and chunks by itself.
 *
 * @param headers values are written as latin1, one byte per character
 */
export function send(
  c: Ctx,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Response {
  const bytes = Buffer.from(body)
  const sized = bytes.length <= chunkedAbove && c.env.incoming.method !== 'HEAD'
  c.env.outgoing.writeHead(status, {
    ...headers,
    ...(sized ? { 'content-length': String(bytes.length) } : {}),
  })
  c.env.outgoing.end(bytes)
  return RESPONSE_ALREADY_SENT
}

/** Answers JSON with Go's trailing newline, keys in the order given. */
export function sendJson(
  c: Ctx,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): Response {
  const type = { 'content-type': 'application/json' }
  return send(c, status, `${JSON.stringify(body)}\n`, { ...type, ...headers })
}

/** Answers JSON with its keys sorted. */
export function sendSorted(c: Ctx, status: number, body: object): Response {
  return send(c, status, `${sortedJson(body)}\n`, { 'content-type': 'application/json' })
}

/** Answers a resource of the admin API: its body led by the address of its schema. */
export function sendResource(c: Ctx, status: number, schema: string, body: object): Response {
  return sendJson(c, status, { $schema: schemaUrl(c, schema), ...body })
}

/** One reason of a problem answer. */
export interface ProblemItem {
  message: string
  location: string
  value: unknown
}

/** Answers an RFC 9457 problem as the admin API writes it. */
export function sendProblem(
  c: Ctx,
  status: number,
  detail: string,
  errors: ProblemItem[] = [],
): Response {
  const body = {
    $schema: schemaUrl(c, 'ErrorModel'),
    title: titles[status] ?? 'Error',
    status,
    detail,
    ...(errors.length === 0 ? {} : { errors }),
  }
  return sendJson(c, status, body, { 'content-type': 'application/problem+json' })
}

/** Answers plain text as Go's `http.Error` does. */
export function sendText(
  c: Ctx,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Response {
  return send(c, status, `${body}\n`, {
    ...headers,
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  })
}

function schemaUrl(c: Ctx, name: string): string {
  return `http://${c.req.header('host') ?? ''}/schemas/${name}.json`
}
