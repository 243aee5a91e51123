import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { PassThrough } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { Pool } from 'undici'
import { readAuthorities } from './authorities.ts'
import { UpstreamError } from './errors.ts'
import type { UpstreamAnswer } from './upstream-answer.ts'
import { ageOf, readAnswer, single } from './upstream-answer.ts'

/** What a request is for: each kind has connections of its own, so that none waits for another. */
export type Lane = 'tokens' | 'lists' | 'identities'

/** One request to ZeroID. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query below the base URL, beginning with a slash. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds for the whole exchange. */
  readonly timeout: number
  /** Longest body that is read, in bytes. */
  readonly limit: number
  /** Default `tokens`: introspection, the exchange of credentials, keys and metadata. */
  readonly lane?: Lane
}

/** A request whose answer does not end. */
export interface UpstreamStreamRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds until the answer must have begun. */
  readonly timeout: number
  /** Ends the stream. */
  readonly signal: AbortSignal
}

/** An answer that has begun. */
export interface UpstreamStream {
  readonly status: number
  readonly contentType: string
  readonly body: Readable
}

/** The gate's only way to ZeroID: pooled connections to one origin, and every read bounded. */
export interface Upstream {
  /** The base URL without a trailing slash. */
  readonly url: string
  /**
   * @returns the answer, whatever its status
   * @throws UpstreamError without a complete answer in time, for a redirect, a compressed body or
   *   one over the limit
   */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>
  /**
   * Sends for a published document, and insists on 200 and JSON.
   *
   * @returns the answer, its `json` never undefined
   * @throws UpstreamError also for any other status or body
   */
  fetchJson(request: UpstreamRequest): Promise<UpstreamAnswer>
  /**
   * Opens an answer that does not end, such as an event stream. The caller reads it, bounds it and
   * ends it by aborting.
   *
   * @throws UpstreamError where no answer began within the timeout
   */
  open(request: UpstreamStreamRequest): Promise<UpstreamStream>
  /** Closes all connections; requests under way fail. */
  close(): Promise<void>
}

export interface UpstreamOptions {
  /** `ZEROID_URL`. */
  readonly url: string
  /** `ZEROID_CA_FILE`: a PEM file with further certificate authorities. */
  readonly caFile?: string | undefined
  /** Connections at most, default 64 each. */
  readonly connections?: Readonly<Record<Lane, number>>
  /**
   * Told the `Date` header of every answer, milliseconds since its request was sent, and whether it
   * is a published document, which a cache may have kept, or says itself that one did.
   */
  readonly onDate?: (date: string | undefined, elapsed: number, published: boolean) => void
}

/**
 * @param options where ZeroID is and whom to trust
 * @throws where the CA file cannot be read or holds no certificate: a trust anchor that is missing must stop the start
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const base = new URL(options.url)
  const prefix = base.pathname.replace(/\/$/, '')
  const ca = options.caFile === undefined ? undefined : readAuthorities(options.caFile)
  const connection = {
    pipelining: 1,
    // The deadlines below are the ones that count; undici's own are turned off.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
    connect:
      ca === undefined ? { timeout: 5_000 } : { timeout: 5_000, ca: [...rootCertificates, ...ca] },
  }
  const poolOf = (lane: Lane): Pool =>
    new Pool(base.origin, { ...connection, connections: options.connections?.[lane] ?? 64 })
  const pools: Readonly<Record<Lane, Pool>> = {
    tokens: poolOf('tokens'),
    lists: poolOf('lists'),
    identities: poolOf('identities'),
  }
  // Streams stay open: they have connections of their own, so that they never wait for each other.
  const streams = new Pool(base.origin, { ...connection, connections: null })

  /** A cache's `Date` is as old as its answer, and tells no more than a published document's. */
  function tellDate(headers: IncomingHttpHeaders, elapsed: number, published: boolean): void {
    const isOld = (ageOf(headers) ?? 0) > 0
    options.onDate?.(single(headers.date), elapsed, published || isOld)
  }

  async function open(request: UpstreamStreamRequest): Promise<UpstreamStream> {
    const late = new AbortController()
    const sentAt = performance.now()
    const timer = setTimeout(() => late.abort(), request.timeout)
    try {
      const { status, headers, body } = await begin(
        request,
        AbortSignal.any([late.signal, request.signal]),
      )
      tellDate(headers, performance.now() - sentAt, false)
      return { status, contentType: single(headers['content-type']) ?? '', body }
    } catch (error) {
      if (late.signal.aborted) {
        throw new UpstreamError('timeout', `no answer began within ${request.timeout} ms`)
      }
      throw new UpstreamError('unreachable', networkReason(error))
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Written into a stream of our own: a body of the pool's `request` is paused and resumed for
   * every few hundred bytes that a slow reader takes, and the rest is copied each time.
   */
  function begin(
    { path, headers: extra }: UpstreamStreamRequest,
    signal: AbortSignal,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: Readable }> {
    const headers = { 'accept-encoding': 'identity', ...extra }
    const body = new PassThrough({ highWaterMark: 65_536 })
    // Whatever ends a stream is told by its reader; an error that nobody reads must not be fatal.
    body.on('error', () => {})
    return new Promise((resolve, reject) => {
      streams
        .stream({ method: 'GET', path: prefix + path, headers, signal }, (answer) => {
          resolve({ status: answer.statusCode, headers: answer.headers, body })
          return body
        })
        .catch(reject)
    })
  }

  async function exchange(request: UpstreamRequest, published: boolean): Promise<UpstreamAnswer> {
    const deadline = new AbortController()
    const sentAt = performance.now()
    const timer = setTimeout(() => deadline.abort(), request.timeout)
    try {
      const answer = await Promise.race([
        pools[request.lane ?? 'tokens'].request({
          method: request.method,
          path: prefix + request.path,
          headers: {
            accept: 'application/json',
            'accept-encoding': 'identity',
            // RFC 9111 §5.2.1.4: a cache on the way must ask the server whether it is still so.
            'cache-control': 'no-cache',
            ...request.headers,
          },
          body: request.body ?? null,
          signal: deadline.signal,
        }),
        // The pool looks at the signal of a request only when it has a connection for it.
        endOf(deadline.signal),
      ])
      tellDate(answer.headers, performance.now() - sentAt, published)
      return await readAnswer(answer, request.limit, () => deadline.abort())
    } catch (error) {
      if (error instanceof UpstreamError) throw error
      if (deadline.signal.aborted) {
        throw new UpstreamError('timeout', `no complete answer within ${request.timeout} ms`)
      }
      throw new UpstreamError('unreachable', networkReason(error))
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    url: base.origin + prefix,
    send: (request) => exchange(request, false),
    async fetchJson(request) {
      const answer = await exchange(request, true)
      const { status, json } = answer
      if (status !== 200) throw new UpstreamError('unexpected_status', `HTTP ${status}`, { status })
      if (json === undefined) throw new UpstreamError('not_json', 'the answer is not JSON')
      return answer
    },
    open,
    async close() {
      await Promise.all([...Object.values(pools), streams].map((pool) => pool.destroy()))
    },
  }
}

function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The system's own code (`ECONNREFUSED`, …), which holds neither URL nor credential. */
function networkReason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'the connection failed'
}
