import type { z } from 'zod'
import { isObject } from './json.ts'
import { type Ctx, type ProblemItem, sendProblem } from './reply.ts'

/** A parsed request part, or the refusal that was already answered. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; response: Response }

/**
 * Reads a JSON or form body by a schema; answers 400 or 422 itself when it does not fit.
 *
 * @param redact hides the body's values in the answer (for bodies that hold credentials)
 */
export async function parseBody<T>(
  c: Ctx,
  schema: z.ZodType<T>,
  redact = false,
): Promise<Parsed<T>> {
  const raw = await readBody(c)
  const form = c.req.header('content-type')?.startsWith('application/x-www-form-urlencoded')
  const body = form ? Object.fromEntries(new URLSearchParams(raw)) : parseJson(raw)
  if (body === undefined) {
    return { ok: false, response: sendProblem(c, 400, 'validation failed') }
  }
  return check(c, schema, body, 'body', redact)
}

/** Reads query parameters by a schema; whole numbers arrive as numbers. Answers 422 itself. */
export function parseQuery<T>(c: Ctx, schema: z.ZodType<T>): Parsed<T> {
  const query = Object.entries(c.req.query()).map(([name, value]) => [
    name,
    /^-?\d{1,15}$/.test(value) ? Number(value) : value,
  ])
  return check(c, schema, Object.fromEntries(query), 'query', false)
}

/** Reads the body off Node's request: a Fetch `Request` costs more than all the rest here. */
async function readBody(c: Ctx): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of c.env.incoming) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    return undefined
  }
}

function check<T>(
  c: Ctx,
  schema: z.ZodType<T>,
  body: unknown,
  place: string,
  redact: boolean,
): Parsed<T> {
  const result = schema.safeParse(body)
  if (result.success) return { ok: true, value: result.data }
  const items = result.error.issues.map((issue) => {
    const item = describe(issue, body, place)
    return redact ? { ...item, value: '[redacted]' } : item
  })
  return { ok: false, response: sendProblem(c, 422, 'validation failed', items) }
}

function describe(issue: z.core.$ZodIssue, body: unknown, place: string): ProblemItem {
  const value = at(body, issue.path)
  const location = [place, ...issue.path].join('.')
  if (value === undefined && issue.path.length > 0) {
    const message = `expected required property ${String(issue.path.at(-1))} to be present`
    const parent = issue.path.slice(0, -1)
    return { message, location: [place, ...parent].join('.'), value: at(body, parent) }
  }
  return { message: expectation(issue), location, value }
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `expected value to be one of "${issue.values.join(', ')}"`
    case 'invalid_type':
      return `expected ${issue.expected}`
    case 'too_big':
      return `expected ${issue.origin} <= ${issue.maximum}`
    case 'too_small':
      return `expected ${issue.origin === 'string' ? 'length' : issue.origin} >= ${issue.minimum}`
    default:
      return issue.message
  }
}

function at(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (isObject(value) ? value[String(key)] : undefined),
    body,
  )
}
