import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Entry, Reception } from '../../src/adapters/reception.ts'
import { createReception } from '../../src/adapters/reception.ts'
import type { Mode } from '../../src/revocation/facts.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { exchange } from '../helpers/raw.ts'
import type { Stack } from '../helpers/stack.ts'
import { startStack } from '../helpers/stack.ts'
import { listenOn } from './app.ts'

interface Site extends Stack {
  readonly reception: Reception
  readonly counted: number[]
}

async function site(mode: Mode): Promise<Site> {
  const counted: number[] = []
  const observer = { reservedHeader: (count: number) => void counted.push(count) }
  const stack = await startStack({ mode, observer })
  return { ...stack, reception: createReception({ gate: stack.gate }), counted }
}

const trailersOf = ({ rawTrailers, trailers }: IncomingMessage): string[] => [
  ...rawTrailers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()),
  ...Object.keys(trailers),
]

/** Resolves when the parser has read the end of the body; nobody has read the body. */
async function untilWhole(request: IncomingMessage): Promise<void> {
  while (!request.complete) await new Promise((resolve) => setImmediate(resolve))
}

interface Sending {
  /** Of the request, beside what describes its body. */
  readonly headers: readonly string[]
  readonly receive: (request: IncomingMessage, response: ServerResponse) => Promise<Entry>
}

/** What a handler sees of the trailers of a body `ab`: as soon as it runs, and after the body. */
async function trailersSeen({ headers, receive }: Sending): Promise<readonly string[][]> {
  const seen: string[][] = []
  const listener: RequestListener = (request, response) => {
    void receive(request, response).then(({ agent }) => {
      seen.push(agent === undefined ? ['refused'] : trailersOf(request))
      request.resume().on('end', () => {
        seen.push(trailersOf(request))
        response.end()
      })
    })
  }
  const url = await listenOn(createServer(listener))
  const body = ['', '2', 'ab', '0', 'X-Zeroid-Actor: admin', 'X_Zeroid_Owner: admin']
  const lines = ['PUT / HTTP/1.1', 'Host: x', ...headers, 'Transfer-Encoding: chunked']
  await exchange(url, `${[...lines, ...body, 'X-Checksum: 1'].join('\r\n')}\r\n\r\n`, 1)
  return seen
}

const bearer = (token: string): readonly string[] => [`Authorization: Bearer ${token}`]
const checksumAlone = [
  ['x-checksum', 'x-checksum'],
  ['x-checksum', 'x-checksum'],
]

describe('reserved trailers are stripped before a handler runs', () => {
  test('that came while the server was asked', async () => {
    const { zeroid, reception, counted } = await site('live')
    const seen = await trailersSeen({
      headers: bearer(await zeroid.mint()),
      async receive(request, response) {
        const entry = reception.receive(request, response)
        await untilWhole(request)
        return await entry
      },
    })
    expect(seen).toEqual(checksumAlone)
    expect(counted).toEqual([2])
  })

  test('that came while something else was waited for', async () => {
    const { zeroid, reception, counted, check } = await site('hybrid')
    const token = await zeroid.mint()
    await check(token)
    const seen = await trailersSeen({
      headers: bearer(token),
      async receive(request, response) {
        await untilWhole(request)
        const entry = reception.receive(request, response)
        expect(entry).not.toBeInstanceOf(Promise)
        return entry
      },
    })
    expect(seen).toEqual(checksumAlone)
    expect(counted).toEqual([2])
  })

  test('that came while the body was read to be compared', async () => {
    const { zeroid, reception, counted, check } = await site('hybrid')
    const key = makeProofKey()
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    // Refused as a bearer token, and known from then on: nothing is asked about the next request.
    await check(token)
    const seen = await trailersSeen({
      headers: [
        `Authorization: DPoP ${token}`,
        `DPoP: ${proof({ key, method: 'PUT', url: 'http://x/', token, body: 'ab' })}`,
      ],
      receive: async (request, response) => await reception.receive(request, response),
    })
    expect(seen).toEqual(checksumAlone)
    expect(counted).toEqual([2])
  })
})

test('trailers of HTTP/2, which announces none, are stripped too', async () => {
  const { zeroid, reception, counted } = await site('live')
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
