/** A request whose body was not read yet; Node's `IncomingMessage` is one. */
export interface BodySource {
  readonly rawHeaders: readonly string[]
  readonly complete?: boolean
  read?(): unknown
  unshift?(chunk: Uint8Array): void
  on?(event: 'readable' | 'close' | 'error', listener: () => void): unknown
  off?(event: 'readable' | 'close' | 'error', listener: () => void): unknown
  /** For requests that are no streams: does what {@link peekBody} does. */
  peek?(limit: number): Promise<Body>
}

/** The bytes; or that they are more than the limit; or that the client left before the last one. */
export type Body = Uint8Array | 'too_large' | 'gone'

const nothing = new Uint8Array(0)

/**
 * Reads the body of a request and puts it back, so that whoever reads it next finds all of it.
 *
 * @param source that nobody has begun to read
 * @param limit bytes at most
 */
export function peekBody(source: BodySource, limit: number): Promise<Body> {
  const { read, unshift, on, off } = source
  if (source.peek !== undefined) return source.peek(limit)
  if (!hasBody(source.rawHeaders)) return Promise.resolve(nothing)
  if (!read || !unshift || !on || !off) return Promise.resolve('gone')
  const chunks: Uint8Array[] = []
  let length = 0

  return new Promise((resolve) => {
    function take(): void {
      for (let next = read?.call(source); next; next = read?.call(source)) {
        const chunk = next as Uint8Array
        chunks.push(chunk)
        length += chunk.length
        if (length <= limit) continue
        settle('too_large')
        return
      }
      // Before the stream has told anybody that it is at its end: then nothing could be put back.
      if (source.complete !== true) return
      const body = Buffer.concat(chunks)
      if (body.length > 0) unshift?.call(source, body)
      settle(body)
    }
    const leave = (): void => settle('gone')
    function settle(body: Body): void {
      off?.call(source, 'readable', take)
      off?.call(source, 'close', leave)
      off?.call(source, 'error', leave)
      // Only in its next turn does the stream forget that somebody pulled at it.
      setImmediate(() => resolve(body))
    }
    on.call(source, 'readable', take)
    on.call(source, 'close', leave)
    on.call(source, 'error', leave)
  })
}

/** RFC 9112 §6.3: what has neither of these has no body, and will never say that it ended. */
function hasBody(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (name === 'transfer-encoding') return true
    if (name === 'content-length') return rawHeaders[i + 1] !== '0'
  }
  return false
}
