import type { Server } from 'node:http'

/** Milliseconds for what is under way; an orchestrator kills after ten seconds or more. */
const patience = 8_000
/** What shells report for a process that a signal ended: 128 and the signal's number. */
const signals = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Waits for SIGTERM or SIGINT. A second one ends the process at once, whatever is under way.
 *
 * @returns when the first signal came
 */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    for (const [signal, exitCode] of Object.entries(signals)) {
      process.on(signal, () => {
        if (asked) process.exit(exitCode)
        asked = true
        resolve()
      })
    }
  })
}

/**
 * Stops accepting, lets requests under way finish, and closes idle connections as they become so.
 *
 * @param server an HTTP server
 * @returns when it is closed, after eight seconds at the latest
 */
export async function closeGently(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const deadline = setTimeout(() => server.closeAllConnections(), patience)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}
