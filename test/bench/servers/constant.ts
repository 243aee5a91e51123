import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serveCalls } from './calls.ts'

/**
 * The least that any Node server could do: for every request the same status, headers and body,
 * made beforehand. What the gate costs beyond it is the gate's own work.
 */

interface Settings {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: string
}

const { status, headers, body } = JSON.parse(process.argv[2] ?? '') as Settings

const server = createServer({ keepAliveTimeout: 75_000, noDelay: true }, (_request, response) => {
  response.writeHead(status, headers)
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  serveCalls({}, { url: `http://127.0.0.1:${port}` })
})
