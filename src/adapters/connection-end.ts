/** A connection that requests come over; a socket is one. */
export interface Connection {
  readonly encrypted?: boolean
  readonly destroyed?: boolean
  once?(event: 'close', listener: () => void): unknown
}

const waiting = new WeakMap<Connection, Set<() => void>>()

/**
 * Tells of the end of a connection: with one listener on it, however many requests were pipelined.
 *
 * @param connection that a request came over
 * @param listener called once, where it was not taken back
 * @returns takes it back
 */
export function onceEnded(connection: Connection, listener: () => void): () => void {
  const listeners = waiting.get(connection) ?? follow(connection)
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

function follow(connection: Connection): Set<() => void> {
  const listeners = new Set<() => void>()
  waiting.set(connection, listeners)
  connection.once?.('close', () => {
    for (const tell of listeners) tell()
    listeners.clear()
  })
  return listeners
}
