import { createHash } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'

/** A request as the backend got it. Header values are Latin-1, one character for each byte. */
export interface Echo {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: string
  /** Fields after a chunked body, names and values in turn. */
  readonly trailers: readonly string[]
}

/** Names the echo, so that no other backend is taken for it. */
const mark = 'zeroid-gate-echo'

/**
 * A backend that answers with the request it got, as JSON; to HEAD in `X-Echo`. A WebSocket handshake
 * it accepts, with the request in `X-Echo`, and hangs up.
 *
 * @returns a server that does not listen yet
 */
export function createEcho(): Server {
  const server = createServer({ maxHeaderSize: 131_072 }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = encode(request, Buffer.concat(chunks).toString('utf8'))
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
        'X-Echo-By': mark,
        ...(request.method === 'HEAD' ? { 'X-Echo': inHeader(text) } : undefined),
      })
      response.end(text)
    })
  })
  server.on('upgrade', (request, socket) => {
    const key = String(request.headers['sec-websocket-key'])
    // RFC 6455 §4.2.2
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    socket.on('error', () => socket.destroy())
    socket.end(
      [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Accept: ${accept.digest('base64')}`,
        `X-Echo-By: ${mark}`,
        `X-Echo: ${inHeader(encode(request, ''))}`,
        '\r\n',
      ].join('\r\n'),
    )
  })
  return server
}

function encode(request: IncomingMessage, body: string): string {
  const { method = '', url = '', rawHeaders, rawTrailers } = request
  const echo: Echo = { method, target: url, headers: rawHeaders, body, trailers: rawTrailers }
  return JSON.stringify(echo)
}

function inHeader(text: string): string {
  return Buffer.from(text).toString('base64')
}

/**
 * @param answer what came through the proxy
 * @returns what the echo got; undefined where something else answered
 */
export function readEcho(answer: {
  readonly body: string
  header(name: string): string | undefined
}): Echo | undefined {
  if (answer.header('X-Echo-By') !== mark) return undefined
  const encoded = answer.header('X-Echo')
  const text = encoded === undefined ? answer.body : Buffer.from(encoded, 'base64').toString('utf8')
  return JSON.parse(text) as Echo
}
