import type { IncomingMessage, RequestOptions } from 'node:http'
import { Agent, request } from 'node:http'

/** A request as it goes over the wire: nothing is checked, joined or normalised. */
export interface WireRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Path and query, word for word; default `/`. */
  readonly target?: string
  /** Names and values in turn, in order; `Host` is added. */
  readonly headers?: readonly string[]
  readonly body?: string
  /** Send the body in chunks, without `Content-Length`. */
  readonly chunked?: boolean
  /** Fields after a chunked body: names and values in turn. */
  readonly trailers?: [string, string][]
}

/** What came back. Header values are Latin-1, one character for each byte. */
export interface WireAnswer {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: string
  /** @returns the values of a header, joined as RFC 9110 §5.2 says; undefined without it */
  header(name: string): string | undefined
}

/** Sends requests to one server. */
export interface WireClient {
  send(request?: WireRequest): Promise<WireAnswer>
  close(): void
}

/** Milliseconds without an answer. */
const patience = 15_000

/**
 * @param url base URL of an http server, or `unix:/path`
 */
export function createWireClient(url: string): WireClient {
  const { host, place } = placeOf(url)
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })

  function send(wire: WireRequest = {}): Promise<WireAnswer> {
    const { method = 'GET', target = '/', body = '', chunked = false, trailers } = wire
    const headers = ['Host', host, ...(wire.headers ?? []), ...framing(body, chunked, trailers)]
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...place,
        method,
        path: target,
        headers,
        agent: isUpgrade(headers) ? false : agent,
        timeout: patience,
      })
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer for ${patience} ms`)))
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => readAnswer(incoming).then(resolve, reject))
      outgoing.on('upgrade', (incoming, socket) => {
        socket.destroy()
        resolve(answer(incoming, ''))
      })
      if (chunked) {
        // Two writes are two chunks.
        const half = Math.ceil(body.length / 2)
        outgoing.write(body.slice(0, half))
        if (half < body.length) outgoing.write(body.slice(half))
        if (trailers !== undefined) outgoing.addTrailers(trailers)
      } else if (body !== '') outgoing.write(body)
      outgoing.end()
    })
  }

  return { send, close: () => agent.destroy() }
}

function placeOf(url: string): { host: string; place: RequestOptions } {
  const path = /^unix:(\/.+)$/.exec(url)?.[1]
  if (path !== undefined) return { host: 'localhost', place: { socketPath: path } }
  const { hostname, port, host } = new URL(url)
  return { host, place: { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port || 80 } }
}

function framing(
  body: string,
  chunked: boolean,
  trailers: WireRequest['trailers'],
): readonly string[] {
  if (!chunked) return body === '' ? [] : ['Content-Length', String(Buffer.byteLength(body))]
  const names = trailers?.map(([name]) => name).join(', ')
  return ['Transfer-Encoding', 'chunked', ...(names === undefined ? [] : ['Trailer', names])]
}

function isUpgrade(headers: readonly string[]): boolean {
  return headers.some((text, i) => i % 2 === 0 && text.toLowerCase() === 'upgrade')
}

async function readAnswer(incoming: IncomingMessage): Promise<WireAnswer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return answer(incoming, Buffer.concat(chunks).toString('utf8'))
}

function answer({ statusCode = 0, rawHeaders }: IncomingMessage, body: string): WireAnswer {
  return {
    status: statusCode,
    headers: rawHeaders,
    body,
    header(name) {
      const values = valuesOf(rawHeaders, name)
      return values.length === 0 ? undefined : values.join(', ')
    },
  }
}

/**
 * @param headers names and values in turn
 * @param name in any case
 * @returns its values, in order
 */
export function valuesOf(headers: readonly string[], name: string): readonly string[] {
  const wanted = name.toLowerCase()
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === wanted)
}
