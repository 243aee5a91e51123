/** A request whose body was not read yet; Node's `IncomingMessage` and `Http2ServerRequest` are. */
export interface BodySource {
  readonly rawHeaders: readonly string[]
  readonly httpVersionMajor?: number
  readonly complete?: boolean
  readonly destroyed?: boolean
  readonly readableDidRead?: boolean
  readonly readableLength?: number
  /** HTTP/2: what the request comes in by. */
  readonly stream?: { readonly endAfterHeaders?: boolean; readonly readableEnded?: boolean }
  read?(): unknown
  unshift?(chunk: Uint8Array): void
  resume?(): unknown
  on?(event: StreamEvent, listener: () => void): unknown
  off?(event: StreamEvent, listener: () => void): unknown
  /** For requests that are no streams: does what {@link peekBody} does. */
  peek?(limit: number): Promise<Body>
}

type StreamEvent = 'readable' | 'end' | 'close' | 'error'

/**
 * The bytes; or that they are more than the limit; or that they cannot be had: the client left before
 * the last one, or somebody else has read them.
 */
export type Body = Uint8Array | 'too_large' | 'gone'

const nothing = new Uint8Array(0)
const peeked = new WeakMap<BodySource, Promise<Body>>()

/**
 * Reads the body of a request and puts it back, so that whoever reads it next finds all of it. Asked
 * again for the same request, it gives the same, though the body was read in between.
 *
 * @param source that nobody has begun to read
 * @param limit bytes at most
 */
export function peekBody(source: BodySource, limit: number): Promise<Body> {
  if (source.peek !== undefined) return source.peek(limit)
  if (!hasBody(source)) return Promise.resolve(nothing)
  const known = peeked.get(source)
  if (known !== undefined) return known
  const body = peekStream(source, limit)
  peeked.set(source, body)
  return body
}

async function peekStream(source: BodySource, limit: number): Promise<Body> {
  // The parser may be in the middle of what it was given. In its next turn all of that is there, and
  // a body that is empty is known to be.
  await nextTurn()
  const { read, unshift, on, off } = source
  if (!read || !unshift || !on || !off) return 'gone'
  if (source.readableDidRead === true || source.destroyed === true) return 'gone'
  if (isEmpty(source)) return nothing
  const chunks: Uint8Array[] = []
  let length = 0

  const body = await new Promise<Body>((resolve) => {
    function take(): void {
      // Whoever pulls at an empty body makes it end, and the next one would wait for that in vain.
      if (length === 0 && isEmpty(source)) {
        settle(nothing)
        return
      }
      for (let next = read?.call(source); next; next = read?.call(source)) {
        const chunk = next as Uint8Array
        chunks.push(chunk)
        length += chunk.length
        if (length <= limit) continue
        settle('too_large')
        return
      }
      // Before the stream has told anybody that it is at its end: then nothing could be put back.
      if (!isWhole(source)) return
      const whole = Buffer.concat(chunks)
      unshift?.call(source, whole)
      settle(whole)
    }
    const leave = (): void => settle('gone')
    function settle(settled: Body): void {
      off?.call(source, 'readable', take)
      for (const event of endings) off?.call(source, event, leave)
      resolve(settled)
    }
    on.call(source, 'readable', take)
    for (const event of endings) on.call(source, event, leave)
  })
  // Only in its next turn does the stream forget that somebody pulled at it.
  await nextTurn()
  return body
}

const endings = ['end', 'close', 'error'] as const

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Whether the last byte has come. On HTTP/2 `complete` tells only that the last one was read. */
function isWhole({ stream, complete }: BodySource): boolean {
  return stream === undefined ? complete === true : stream.readableEnded === true
}

function isEmpty(source: BodySource): boolean {
  return isWhole(source) && source.readableLength === 0
}

/**
 * RFC 9112 §6.3: what has neither of these has no body, and will never say that it ended.
 * RFC 9113 §8.1: on HTTP/2 neither need be there, and only the stream's own end tells.
 */
function hasBody({ rawHeaders, httpVersionMajor = 1, stream }: BodySource): boolean {
  if (httpVersionMajor > 1) return stream?.endAfterHeaders !== true
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (name === 'transfer-encoding') return true
    if (name === 'content-length') return rawHeaders[i + 1] !== '0'
  }
  return false
}
