import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OutgoingAnswer } from './reception.ts'
import type { IncomingRequest } from './reserved.ts'

/** A Fetch request in its framework's context; `env` is what the runtime gave along. */
export interface WebContext {
  readonly env?: unknown
  readonly req: { raw: Request }
}

/** What `@hono/node-server` gives along. */
interface NodeBindings {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
}

/**
 * The request and the answer behind a context: Node's own where there are such, since a Fetch
 * request has joined its headers and hides a second `Authorization`.
 *
 * @param c the context
 */
export function exchangeOf(c: WebContext): {
  request: IncomingRequest
  response: OutgoingAnswer
} {
  const { incoming, outgoing } = (c.env ?? {}) as NodeBindings
  if (incoming !== undefined && outgoing !== undefined) {
    return { request: incoming, response: outgoing }
  }
  const { headers, signal } = c.req.raw
  return {
    request: { rawHeaders: [...headers].flat() },
    // Without Node the end of an answer shows nowhere; its client's leaving does.
    response: {
      destroyed: signal.aborted,
      once: (_event, listener) => signal.addEventListener('abort', listener, { once: true }),
    },
  }
}

/**
 * Takes a header out of a Fetch request too, which may have been made before.
 *
 * @param c the context
 * @param name as it was sent
 */
export function forgetIn(c: WebContext, name: string): void {
  try {
    c.req.raw.headers.delete(name)
  } catch {
    // Some runtimes' requests cannot be changed.
    const headers = new Headers(c.req.raw.headers)
    headers.delete(name)
    c.req.raw = new Request(c.req.raw, { headers })
  }
}
