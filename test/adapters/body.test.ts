import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import type { Body } from '../../src/adapters/body.ts'
import { peekBody } from '../../src/adapters/body.ts'
import { listenOn } from './app.ts'

/** A server that peeks at a body, after what comes before, then reads it as anybody would. */
async function startPeeker(
  limit = 1_000_000,
  before: (request: IncomingMessage) => unknown = () => undefined,
): Promise<{
  url: string
  peeked: Body[]
  /** Settles when the first request was dealt with. */
  done: Promise<'read' | 'refused'>
  /** Bytes read of the last connection. */
  read: () => number
}> {
  const peeked: Body[] = []
  let tell: (how: 'read' | 'refused') => void = () => {}
  const done = new Promise<'read' | 'refused'>((resolve) => {
    tell = resolve
  })
  const server = createServer(async (request, response) => {
    // Where nothing comes before, not even one turn of the microtasks does.
    const preceded = before(request)
    if (preceded instanceof Promise) await preceded
    void peekBody(request, limit).then((body) => {
      peeked.push(body)
      if (typeof body === 'string') {
        response.writeHead(413, { connection: 'close' }).end()
        tell('refused')
        return
      }
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.end(Buffer.concat(chunks))
        tell('read')
      })
    })
  })
  let last: Socket | undefined
  server.on('connection', (socket) => {
    last = socket
  })
  return { url: await listenOn(server), peeked, done, read: () => last?.bytesRead ?? 0 }
}

const text = (body: Body | undefined): string =>
  body instanceof Uint8Array ? Buffer.from(body).toString() : String(body)

test.each([1, 100, 65_536, 700_000])(
  'gives a body of %i bytes, and leaves it there',
  async (size) => {
    const { url, peeked } = await startPeeker()
    const sent = `${'a'.repeat(size - 1)}b`
    const answer = await fetch(url, { method: 'POST', body: sent })
    expect(await answer.text()).toBe(sent)
    expect(text(peeked[0])).toBe(sent)
  },
)

test('gives a body that comes in pieces', async () => {
  const { url, peeked } = await startPeeker()
  const pieces = ['one ', 'two ', 'three']
  const stream = new ReadableStream({
    async pull(controller) {
      const piece = pieces.shift()
      if (piece === undefined) return controller.close()
      await new Promise((resolve) => setImmediate(resolve))
      controller.enqueue(new TextEncoder().encode(piece))
    },
  })
  const answer = await fetch(url, { method: 'POST', body: stream, duplex: 'half' } as RequestInit)
  expect(await answer.text()).toBe('one two three')
  expect(text(peeked[0])).toBe('one two three')
})

test.each(['GET', 'POST'])('gives nothing for a %s without a body', async (method) => {
  const { url, peeked } = await startPeeker()
  expect(await (await fetch(url, { method })).text()).toBe('')
  expect(text(peeked[0])).toBe('')
})

test('goes on with the next request of the connection', async () => {
  const { url, peeked } = await startPeeker()
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  let seen = ''
  const both = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      seen += chunk.toString()
      if (seen.includes('second')) resolve()
    })
  })
  const request = (body: string): string =>
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  socket.write(request('first') + request('second'))
  await both
  socket.destroy()
  expect(peeked.map(text)).toEqual(['first', 'second'])
})

test('gives up at the limit', async () => {
  const { url, peeked } = await startPeeker(1_000)
  const answer = await fetch(url, { method: 'POST', body: 'a'.repeat(1_001) })
  expect(answer.status).toBe(413)
  expect(peeked).toEqual(['too_large'])
})

test('notices a client that leaves', async () => {
  const peeker = await startPeeker()
  const socket = connect(Number(new URL(peeker.url).port), '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc', () =>
    socket.destroy(),
  )
  expect(await peeker.done).toBe('refused')
  expect(peeker.peeked).toEqual(['gone'])
})

/** Sends a request whose next part leaves when the server has read the one before. */
async function send(url: string, parts: readonly string[], read: () => number): Promise<string> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
  let seen = ''
  socket.on('data', (chunk) => {
    seen += chunk.toString()
  })
  for (const [i, part] of parts.entries()) {
    socket.write(part)
    const { length } = parts.slice(0, i + 1).join('')
    await vi.waitUntil(() => read() === length, { interval: 1 })
  }
  if (!socket.closed) await once(socket, 'close')
  return seen
}

const chunkedHead =
  'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'

test.each([
  ['at once', [`${chunkedHead}0\r\n\r\n`]],
  ['later', [chunkedHead, '0\r\n\r\n']],
  ['in three pieces', [chunkedHead, '0\r\n', '\r\n']],
])('gives a chunked body of no bytes that comes %s, and leaves its end there', async (_, parts) => {
  const { url, peeked, read } = await startPeeker()
  expect(await send(url, parts, read)).toMatch(/^HTTP\/1.1 200 /)
  expect(peeked.map(text)).toEqual([''])
})

test('leaves the end of an empty body that had come before it was peeked at', async () => {
  const { url, peeked, read } = await startPeeker(10, async (request) => {
    await vi.waitUntil(() => request.complete)
  })
  expect(await send(url, [`${chunkedHead}0\r\n\r\n`], read)).toMatch(/^HTTP\/1.1 200 /)
  expect(peeked.map(text)).toEqual([''])
})

test.each<[string, (request: IncomingMessage) => Promise<unknown>]>([
  ['to its end', (request) => once(request.resume(), 'end')],
  ['and seen it closed', (request) => once(request.resume(), 'close')],
  [
    'in part',
    (request) =>
      once(
        request.on('data', () => request.pause()),
        'pause',
      ),
  ],
])('notices that somebody has read the body before, %s', async (_, before) => {
  const peeker = await startPeeker(10, before)
  await fetch(peeker.url, { method: 'POST', body: 'abc' }).catch(() => undefined)
  expect(peeker.peeked).toEqual(['gone'])
})

test('notices a request that was destroyed before', async () => {
  const source = Object.assign(new Readable({ read() {} }), {
    rawHeaders: ['Content-Length', '3'],
    complete: false,
  })
  source.destroy()
  await once(source, 'close')
  expect(await peekBody(source, 10)).toBe('gone')
})

test('gives the same body to the next who asks for it, though it was read in between', async () => {
  const asked: Body[] = []
  const server = createServer(async (request, response) => {
    asked.push(await peekBody(request, 10), await peekBody(request, 10))
    await once(request.resume(), 'end')
    asked.push(await peekBody(request, 10))
    response.end()
  })
  const url = await listenOn(server)
  await (await fetch(url, { method: 'POST', body: 'abc' })).text()
  expect(asked.map(text)).toEqual(['abc', 'abc', 'abc'])
})
