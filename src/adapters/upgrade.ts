import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream'
import type { Gate } from '../gate.ts'
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

/** Takes each `upgrade` event of a server. */
export type UpgradeGuard = (
  request: IncomingMessage,
  socket: Duplex,
) => Promise<AllowedUpgrade | undefined>

/** Milliseconds in which the client of a refused handshake may close its end. */
const farewell = 1_000

/**
 * Checks WebSocket handshakes. A refused one is answered on its socket, with the bytes that an
 * ordinary request would get.
 *
 * @param options of the gate, or a shared gate; `optional` is none of them: a socket has an owner
 * @returns for each `upgrade` event the agent, or undefined where the socket was refused; and its
 *   gate, which must be closed when the server ends
 */
export function upgradeGuard(
  options: ZeroidOptions & { readonly optional?: never },
): UpgradeGuard & { readonly gate: Gate } {
  const { gate, receiveUpgrade } = createReception(options)
  const guardUpgrade: UpgradeGuard = async (request, socket) => {
    // Nobody else listens yet, and an error without a listener ends the process.
    const ignore = (): void => {}
    socket.on('error', ignore)
    const { agent, answer, protocol } = await receiveUpgrade(request, socket)
    socket.off('error', ignore)
    if (agent !== undefined && !socket.destroyed) return { agent, protocol }
    if (answer !== undefined && socket.writable) refuse(socket, answer)
    else socket.destroy()
    return undefined
  }
  return Object.assign(guardUpgrade, { gate })
}

function refuse(socket: Duplex, { status, headers, body }: Answer): void {
  const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : []))
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, 'Connection: close']
  socket.on('error', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  // Node lets go of a socket that asks for an upgrade: a client that never closes its end would
  // keep it for ever. What it still sends is read, since unread bytes would cut the answer short.
  socket.resume()
  const late = setTimeout(() => socket.destroy(), farewell)
  finished(socket, () => {
    clearTimeout(late)
    socket.destroy()
  })
}
