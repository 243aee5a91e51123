import { Readable } from 'node:stream'
import { EventSource } from 'eventsource'
import type { UpstreamStream } from '../upstream.ts'

/** One SSE connection, from its opening to its end. */
export interface Connection {
  close(): void
}

export interface ConnectionOptions {
  readonly open: (signal: AbortSignal) => Promise<UpstreamStream>
  /** The server's own `connected` event came: the proof of life. */
  readonly onConnected: () => void
  /** The data of a `signal` event. */
  readonly onSignal: (data: string) => void
  /** It ended, or never began; told once, and not after `close`. */
  readonly onEnd: (reason: string) => void
}

/**
 * Opens one connection. The `eventsource` package reads the stream as the standard says; its own
 * reconnecting (a fixed pause, and never again after any status but 200) is not used: the first
 * error ends the connection.
 *
 * @param options how to open it and whom to tell
 */
export function openConnection(options: ConnectionOptions): Connection {
  let ended = false
  // The package lets go of an answer that it refuses without ending it.
  const abort = new AbortController()
  const source = new EventSource('http://zeroid.invalid/', {
    async fetch() {
      const { status, contentType, body } = await options.open(abort.signal)
      return {
        url: 'http://zeroid.invalid/',
        status,
        redirected: false,
        headers: {
          get: (name) => (name.toLowerCase() === 'content-type' ? contentType : null),
        },
        body: Readable.toWeb(body) as ReadableStream<Uint8Array>,
      }
    },
  })
  source.addEventListener('connected', () => {
    if (!ended) options.onConnected()
  })
  source.addEventListener('signal', (event) => {
    if (!ended) options.onSignal(String(event.data))
  })
  source.addEventListener('error', (event) => {
    if (ended) return
    end()
    options.onEnd(
      event.code === undefined ? (event.message ?? 'the stream ended') : `HTTP ${event.code}`,
    )
  })
  function end(): void {
    ended = true
    source.close()
    abort.abort()
  }

  return { close: end }
}
