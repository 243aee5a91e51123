import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Body } from './body.ts'
import type { IncomingRequest } from './reserved.ts'
import type { OutgoingAnswer } from './stay.ts'

/** A Fetch request in its framework's context; `env` is what the runtime gave along. */
export interface WebContext {
  readonly env?: unknown
  readonly req: { raw: Request }
  res: Response
}

/** A request and its answer, in Node's words. */
export interface Exchange {
  readonly request: IncomingRequest
  readonly response: OutgoingAnswer
  /** To be called when the answer is made, where nobody else would tell of its end. */
  readonly follow?: () => void
}

/** What `@hono/node-server` gives along; a WebSocket handshake has no answer but its socket. */
interface NodeBindings {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse | undefined
}

/** The same request asked about twice is the same: its proof is good for both. */
const fetched = new WeakMap<Request, IncomingRequest>()

/**
 * The request and the answer behind a context: Node's own where there are such, since a Fetch
 * request has joined its headers and hides a second `Authorization`.
 *
 * @param c the context
 */
export function exchangeOf(c: WebContext): Exchange {
  const { incoming, outgoing } = (c.env ?? {}) as NodeBindings
  if (incoming !== undefined) {
    return { request: incoming, response: outgoing ?? incoming.socket }
  }
  return { request: requestOf(c), ...answerOf(c, c.req.raw.signal) }
}

function requestOf(c: WebContext): IncomingRequest {
  const { headers, method, url } = c.req.raw
  const [, scheme = '', host = '', path = '/'] = /^([a-z]+):\/\/([^/?#]*)([^?#]*)/.exec(url) ?? []
  const named = headers.has('host') ? [] : ['host', host]
  const rawHeaders = [...[...headers].flat(), ...named]
  const known = fetched.get(c.req.raw)
  if (known !== undefined) return Object.assign(known, { rawHeaders })
  const request: IncomingRequest = {
    rawHeaders,
    method,
    url: path,
    socket: { encrypted: scheme === 'https' },
    peek: (limit) => peekCopy(c.req.raw, limit),
  }
  fetched.set(c.req.raw, request)
  return request
}

/** Without Node an answer is over when its body is, or when its client leaves. */
function answerOf(
  c: WebContext,
  leaving: AbortSignal,
): Required<Pick<Exchange, 'response' | 'follow'>> {
  const over = new AbortController()
  const end = (): void => over.abort()
  if (leaving.aborted) end()
  else leaving.addEventListener('abort', end, { once: true })
  return {
    response: {
      get destroyed() {
        return over.signal.aborted
      },
      once: (_event, listener) => over.signal.addEventListener('abort', listener, { once: true }),
    },
    follow() {
      const { body, status } = c.res
      // The socket that takes over from a 101 outlives it; nobody reads the body of a HEAD.
      if (status === 101) return
      if (body === null || c.req.raw.method === 'HEAD') end()
      else c.res = new Response(tellingItsEnd(body, end), c.res)
    },
  }
}

function tellingItsEnd(body: ReadableStream, onEnd: () => void): ReadableStream {
  const reader = body.getReader()
  const source: UnderlyingDefaultSource = {
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        onEnd()
        controller.close()
      } catch (error) {
        onEnd()
        controller.error(error)
      }
    },
    async cancel(reason) {
      onEnd()
      await reader.cancel(reason)
    },
  }
  // Nothing is read before it is asked for.
  return new ReadableStream(source, { highWaterMark: 0 })
}

/** Reads a copy of a Fetch request's body, and leaves the request as it is. */
async function peekCopy(request: Request, limit: number): Promise<Body> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of request.clone().body ?? []) {
      chunks.push(chunk as Uint8Array)
      length += (chunk as Uint8Array).length
      if (length > limit) return 'too_large'
    }
    return Buffer.concat(chunks)
  } catch {
    return 'gone'
  }
}

/**
 * Gives a body that was read to `@hono/node-server`, which takes it from there and reads no stream
 * that somebody has read from.
 *
 * @param request Node's own
 * @param body all of it
 */
export function keepBody(request: IncomingRequest, body: Uint8Array): void {
  Reflect.set(request, 'rawBody', body)
  // It resets an HTTP/2 stream whose request was not read to its end, and cuts the answer short.
  request.resume?.()
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
