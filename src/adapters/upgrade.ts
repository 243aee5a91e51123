import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Answer } from '../http/answer.ts'
import type { AgentIdentity } from '../identity/agent.ts'
import type { ZeroidOptions } from './options.ts'
import { createReception } from './reception.ts'

/** A handshake that may go on. */
export interface AllowedUpgrade {
  /** Its `signal` is aborted when the socket must be closed. */
  readonly agent: AgentIdentity
  /** The subprotocol to select; undefined where the client offered none but its token. */
  readonly protocol: string | undefined
}

/**
 * Checks WebSocket handshakes. A refused one is answered on its socket, with the bytes that an
 * ordinary request would get.
 *
 * @param options of the gate, or a shared gate; `optional` is none of them: a socket has an owner
 * @returns for each `upgrade` event the agent, or undefined where the socket was refused
 */
export function upgradeGuard(
  options: ZeroidOptions & { readonly optional?: never },
): (request: IncomingMessage, socket: Duplex) => Promise<AllowedUpgrade | undefined> {
  const { enter, strip, judgeUpgrade } = createReception(options)
  return async function guardUpgrade(request, socket) {
    // Nobody else listens yet, and an error without a listener ends the process.
    const ignore = (): void => {}
    socket.on('error', ignore)
    strip(request)
    const { verdict, protocol } = await judgeUpgrade(request)
    const { agent, answer } = enter(verdict, request, socket)
    socket.off('error', ignore)
    if (agent !== undefined && !socket.destroyed) return { agent, protocol }
    if (answer !== undefined && socket.writable) refuse(socket, answer)
    else socket.destroy()
    return undefined
  }
}

function refuse(socket: Duplex, { status, headers, body }: Answer): void {
  const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : []))
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, 'Connection: close']
  socket.on('error', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
