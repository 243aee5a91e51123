import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { expect, onTestFinished, test } from 'vitest'
import type { Reception } from '../../src/adapters/reception.ts'
import { createReception } from '../../src/adapters/reception.ts'
import { exchange } from '../helpers/raw.ts'
import type { Stack } from '../helpers/stack.ts'
import { startStack } from '../helpers/stack.ts'
import { listenOn } from './app.ts'

interface Site extends Stack {
  readonly reception: Reception
  readonly counted: number[]
}

async function site(): Promise<Site> {
  const counted: number[] = []
  const observer = { reservedHeader: (count: number) => void counted.push(count) }
  const stack = await startStack({ mode: 'live', observer })
  return { ...stack, reception: createReception({ gate: stack.gate }), counted }
}

const trailersOf = ({ rawTrailers, trailers }: IncomingMessage): string[] => [
  ...rawTrailers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()),
  ...Object.keys(trailers),
]

test('trailers that came while the server was asked are stripped before a handler runs', async () => {
  const { zeroid, reception, counted } = await site()
  let arrived = (): void => {}
  const whole = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const seen: string[][] = []
  const listener: RequestListener = (request, response) => {
    const entry = reception.receive(request, response)
    void whole.then(async () => {
      const { agent } = await entry
      seen.push(agent === undefined ? ['refused'] : trailersOf(request))
      request.resume().on('end', () => {
        seen.push(trailersOf(request))
        response.end()
      })
    })
    // The parser has read the end of the body; nobody has read the body.
    const wait = (): void => void (request.complete ? arrived() : setImmediate(wait))
    wait()
  }
  const url = await listenOn(createServer(listener))
  const lines = [
    'PUT / HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${await zeroid.mint()}`,
    'Transfer-Encoding: chunked',
    ...['', '2', 'ab', '0', 'X-Zeroid-Actor: admin', 'X_Zeroid_Owner: admin', 'X-Checksum: 1'],
  ]
  await exchange(url, `${lines.join('\r\n')}\r\n\r\n`, 1)
  expect(seen).toEqual([
    ['x-checksum', 'x-checksum'],
    ['x-checksum', 'x-checksum'],
  ])
  expect(counted).toEqual([2])
})

test('trailers of HTTP/2, which announces none, are stripped too', async () => {
  const { zeroid, reception, counted } = await site()
  const seen: string[] = []
  const server = createHttp2Server(async (request, response) => {
    const message = request as unknown as IncomingMessage
    const { agent } = await reception.receive(message, response as unknown as ServerResponse)
    for await (const chunk of request) void chunk
    seen.push(...(agent === undefined ? ['refused'] : trailersOf(message)))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const session = connect(`http://127.0.0.1:${port}`)
  onTestFinished(() => {
    session.close()
    server.close()
  })
  const headers = { ':method': 'PUT', authorization: `Bearer ${await zeroid.mint()}` }
  const stream = session.request(headers, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-zeroid-actor': 'a', 'x-checksum': '1' }))
  stream.end('ab')
  await new Promise((resolve) => stream.resume().on('close', resolve))
  expect(seen).toEqual(['x-checksum', 'x-checksum'])
  expect(counted).toEqual([1])
})
