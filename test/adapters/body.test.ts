import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Body } from '../../src/adapters/body.ts'
import { peekBody } from '../../src/adapters/body.ts'

/** A server that peeks at a body, then reads it as anybody would. */
async function startPeeker(limit = 1_000_000): Promise<{
  url: string
  peeked: Body[]
  /** Settles when the first request was dealt with. */
  done: Promise<'read' | 'refused'>
}> {
  const peeked: Body[] = []
  let tell: (how: 'read' | 'refused') => void = () => {}
  const done = new Promise<'read' | 'refused'>((resolve) => {
    tell = resolve
  })
  const server = createServer((request, response) => {
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}`, peeked, done }
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
