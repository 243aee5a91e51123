import { createBackoff } from '../backoff.ts'
import type { Clock } from '../clock.ts'
import type { UpstreamStream } from '../upstream.ts'
import type { Connection } from './connection.ts'
import { openConnection } from './connection.ts'

/** One tenant's signal stream, kept alive. */
export interface SignalStream {
  state(): 'connecting' | 'live' | 'lost'
  /** Why the last attempt failed; undefined while a stream is live. */
  problem(): string | undefined
  close(): void
}

export interface StreamOptions {
  readonly clock: Clock
  /** Milliseconds after which a stream is replaced, `GATE_STREAM_RENEW`. */
  readonly renewEvery: number
  readonly open: (signal: AbortSignal) => Promise<UpstreamStream>
  /** The server said `connected`; `gap` where signals may have passed while no stream was live. */
  readonly onConnected: (gap: boolean) => void
  /** The data of a `signal` event. */
  readonly onSignal: (data: string) => void
  /** No stream is live any more. */
  readonly onLost: (reason: string) => void
}

/** Milliseconds for `connected` to come after a stream was asked for. */
const connectTimeout = 5_000
/** A stream that ends sooner has failed, whatever it said: else its end would be news for ever. */
const shortestLife = 1_000
/** Milliseconds that a replaced stream is still read: a burst may lie in it that nobody has read yet. */
const overlap = 1_000

/**
 * Owns the reconnecting. Only the server's own `connected` makes the stream live. Each connection
 * is replaced before the server's write deadline makes it deaf: the next one is live before the
 * last one closes, and for a moment both are read. A reset is news, so the first attempt after it waits for nothing.
 *
 * @param options how to open a stream, and whom to tell
 */
export function createStream(options: StreamOptions): SignalStream {
  const { clock, renewEvery } = options
  const backoff = createBackoff(250, 10_000)
  let state: 'connecting' | 'live' | 'lost' = 'connecting'
  let current: Connection | undefined
  let next: Connection | undefined
  let leaving: Connection | undefined
  let cancelAttempt: () => void = () => {}
  let cancelTimeout: () => void = () => {}
  let cancelWatchdog: () => void = () => {}
  let cancelLeave: () => void = () => {}
  let failures = 0
  let connectedAt = 0
  let problem: string | undefined
  let closed = false

  function attempt(): void {
    cancelAttempt()
    if (closed || next !== undefined) return
    const connection: Connection = openConnection({
      open: options.open,
      onConnected: () => connected(connection),
      onSignal: options.onSignal,
      onEnd: (reason) => ended(connection, reason),
    })
    next = connection
    cancelTimeout = clock.after(connectTimeout, () => {
      connection.close()
      ended(connection, 'no "connected" event came')
    })
  }

  function connected(connection: Connection): void {
    if (connection !== next) return
    cancelTimeout()
    next = undefined
    if (current !== undefined) leave(current)
    current = connection
    const gap = state !== 'live'
    state = 'live'
    connectedAt = clock.monotonic()
    problem = undefined
    cancelWatchdog()
    // A stream that could not be replaced in time is deaf or will be: it proves nothing any more.
    cancelWatchdog = clock.after(renewEvery + connectTimeout, () =>
      lose('the stream was not renewed'),
    )
    cancelAttempt()
    cancelAttempt = clock.after(renewEvery, () => {
      forgetFailures()
      attempt()
    })
    options.onConnected(gap)
  }

  function leave(connection: Connection): void {
    cancelLeave()
    leaving?.close()
    leaving = connection
    cancelLeave = clock.after(overlap, () => connection.close())
  }

  function ended(connection: Connection, reason: string): void {
    // What becomes of a stream that was replaced is of no concern.
    if (closed || (connection !== next && connection !== current)) return
    problem = reason
    if (connection === next) {
      cancelTimeout()
      next = undefined
    } else {
      lose(reason)
      if (clock.monotonic() - connectedAt >= shortestLife) forgetFailures()
    }
    if (next === undefined) retry()
  }

  function forgetFailures(): void {
    failures = 0
    backoff.reset()
  }

  function lose(reason: string): void {
    current?.close()
    current = undefined
    cancelWatchdog()
    if (state !== 'live') return
    state = 'lost'
    options.onLost(reason)
  }

  function retry(): void {
    cancelAttempt()
    failures++
    if (failures === 1) attempt()
    else cancelAttempt = clock.after(backoff.next(), attempt)
  }

  attempt()
  return {
    state: () => state,
    problem: () => problem,
    close() {
      closed = true
      cancelAttempt()
      cancelTimeout()
      cancelWatchdog()
      cancelLeave()
      leaving?.close()
      next?.close()
      current?.close()
    },
  }
}
