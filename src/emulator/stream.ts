import type { ServerResponse } from 'node:http'
import { createDelivery, type DeliveryControls } from './delivery.ts'
import type { Signal, Tenant } from './types.ts'

/** Control of the signal streams, to show a client the habits of a bad network or server. */
export interface Streams extends DeliveryControls {
  /** How many streams are open. */
  readonly open: number
  /** Ends all open streams: by a clean end (default) or by a TCP reset. */
  drop(how?: 'close' | 'reset'): void
  /** Makes the open streams deaf now: silent, and reset by their next signal. */
  deafen(): void
  /** The open streams stay open and swallow everything, as behind a half-open connection. */
  halfOpen(): void
  /** Writes bytes as they are into all open streams. */
  raw(bytes: string | Uint8Array): void
}

/** The open streams. */
export interface StreamHub {
  readonly controls: Streams
  /** Answers a stream request and keeps it open. */
  add(tenant: Tenant, outgoing: ServerResponse): void
  /** Queues a signal for the open streams of its tenant. */
  publish(signal: Signal): void
}

interface Stream extends Tenant {
  outgoing: ServerResponse
  /** When it goes deaf, on the monotonic clock in milliseconds. */
  deafAt: number
  swallows: boolean
  queue: string[]
  draining: boolean
}

/** How long a stream is served and how much may wait for it. */
export interface StreamOptions {
  /** Milliseconds from opening to deafness; 0 is never. */
  streamDeafAfter: number
  /** Signals that may wait for a stream; further ones are dropped. */
  streamQueue: number
}

/** Makes the hub of the signal streams. */
export function createStreams({ streamDeafAfter, streamQueue }: StreamOptions): StreamHub {
  const streams = new Set<Stream>()
  const delivery = createDelivery(deliver)

  function deliver({ account_id, project_id }: Signal, frame: string): void {
    for (const stream of streams) {
      if (stream.account !== account_id || stream.project !== project_id) continue
      if (stream.queue.length >= streamQueue) continue
      stream.queue.push(frame)
      schedule(stream)
    }
  }

  function schedule(stream: Stream): void {
    if (stream.draining) return
    stream.draining = true
    setImmediate(() => drain(stream))
  }

  function drain(stream: Stream): void {
    stream.draining = false
    for (let frame = stream.queue.shift(); frame !== undefined; frame = stream.queue.shift()) {
      if (stream.swallows || stream.outgoing.writableEnded) continue
      if (performance.now() >= stream.deafAt) {
        // The write deadline has passed: the signal is lost and the connection with it.
        reset(stream)
        return
      }
      if (stream.outgoing.write(frame)) continue
      stream.draining = true
      stream.outgoing.once('drain', () => drain(stream))
      return
    }
  }

  function reset({ outgoing }: Stream): void {
    outgoing.socket?.resetAndDestroy()
  }

  const controls: Streams = {
    ...delivery.controls,
    get open() {
      return streams.size
    },
    drop(how = 'close') {
      for (const stream of streams) {
        if (how === 'reset') reset(stream)
        else stream.outgoing.end()
      }
    },
    deafen() {
      for (const stream of streams) stream.deafAt = 0
    },
    halfOpen() {
      for (const stream of streams) stream.swallows = true
    },
    raw(bytes) {
      for (const { outgoing } of streams) outgoing.write(bytes)
    },
  }

  return {
    controls,
    add({ account, project }, outgoing) {
      const deafAt = streamDeafAfter > 0 ? performance.now() + streamDeafAfter : Infinity
      const stream: Stream = {
        account,
        project,
        outgoing,
        deafAt,
        swallows: false,
        queue: [],
        draining: false,
      }
      streams.add(stream)
      outgoing.on('close', () => streams.delete(stream))
      outgoing.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache',
        connection: 'keep-alive',
        'x-accel-buffering': 'no',
      })
      outgoing.write('event: connected\ndata: {}\n\n')
    },
    publish: delivery.publish,
  }
}
