import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serveCalls } from './calls.ts'

/**
 * A ZeroID server that has the keys of another and calls every token active: for remembering many
 * tokens in little time.
 */

const { zeroid } = JSON.parse(process.argv[2] ?? '') as { zeroid: string }
const keys = await (await fetch(`${zeroid}/.well-known/jwks.json`)).text()
const empty = '{"signals":[],"total":0}'

const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  const path = request.url ?? ''
  const body = path.endsWith('/jwks.json')
    ? keys
    : path.endsWith('/introspect')
      ? '{"active":true}'
      : empty
  request.resume()
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  serveCalls({}, { url: `http://127.0.0.1:${port}` })
})
