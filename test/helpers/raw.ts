import { connect } from 'node:net'

/** One HTTP answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

/**
 * A WebSocket handshake, as bytes.
 *
 * @param path of the request
 * @param headers further lines
 */
export function handshakeBytes(path: string, ...headers: readonly string[]): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/**
 * Writes bytes to a server, whatever they are, and collects what comes back.
 *
 * @param url of the server
 * @param bytes a string is written as Latin-1
 * @param answers stops after this many complete answers; default: until the server closes
 * @returns the answers, in order; none where the connection was closed without one
 */
export function exchange(
  url: string,
  bytes: string | Uint8Array,
  answers: number = Number.POSITIVE_INFINITY,
): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const socket = connect(Number(port), hostname)
    const done = (): void => {
      socket.destroy()
      resolve(readAnswers(received, true))
    }
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (readAnswers(received, false).length >= answers) done()
    })
    socket.on('error', done)
    socket.on('close', done)
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  })
}

/** @param ended nothing follows: a body may end early, as it does after HEAD */
function readAnswers(bytes: Buffer, ended: boolean): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = bytes
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return answers
    const head = rest.toString('latin1', 0, end)
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
    const length = bodyLength(head, rest.subarray(end + 4))
    const body = rest.subarray(end + 4, end + 4 + length)
    if (body.length < length && !ended) return answers
    answers.push({ status, head, body })
    rest = rest.subarray(end + 4 + length)
  }
}

function bodyLength(head: string, rest: Buffer): number {
  const last = '0\r\n\r\n'
  if (/^transfer-encoding: chunked/im.test(head)) return rest.indexOf(last) + last.length
  return Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
}

/** A header of a raw answer, byte for byte as Latin-1. */
export function headerIn(answer: RawAnswer | undefined, name: string): string | undefined {
  const line = answer?.head
    .split('\r\n')
    .find((text) => text.toLowerCase().startsWith(`${name.toLowerCase()}: `))
  return line?.slice(name.length + 2)
}
