import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JSONWebKeySet } from 'jose'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { serveCalls } from './calls.ts'

/**
 * What people write without the gate: a bare server that checks signature, issuer and times with
 * jose's `jwtVerify` against keys in memory, and sends an answer made beforehand.
 */

interface Settings {
  /** Base URL of the ZeroID server, and the issuer. */
  readonly zeroid: string
  /** Names and values in turn, of the answer to a good token. */
  readonly headers: string[]
  readonly body: string
}

const { zeroid, headers, body } = JSON.parse(process.argv[2] ?? '') as Settings
const answer = await fetch(`${zeroid}/.well-known/jwks.json`)
const keys = createLocalJWKSet((await answer.json()) as JSONWebKeySet)
const rules = { issuer: zeroid, algorithms: ['ES256', 'RS256'] }
const challenge = `Bearer error="invalid_token", resource_metadata="${zeroid}/.well-known/oauth-protected-resource"`

const server = createServer({ keepAliveTimeout: 75_000, noDelay: true }, (request, response) => {
  const token = request.headers.authorization?.slice('Bearer '.length) ?? ''
  jwtVerify(token, keys, rules).then(
    () => {
      response.writeHead(200, headers)
      response.end(body)
    },
    () => {
      response.writeHead(401, {
        'WWW-Authenticate': challenge,
        'Cache-Control': 'no-store',
        'Content-Type': 'text/plain; charset=utf-8',
      })
      response.end('{"error":"invalid_token"}\n')
    },
  )
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  serveCalls({}, { url: `http://127.0.0.1:${port}` })
})
