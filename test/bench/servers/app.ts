import { createPublicKey } from 'node:crypto'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyJwt from '@fastify/jwt'
import { createAdaptorServer } from '@hono/node-server'
import type { ErrorRequestHandler } from 'express'
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { createVerifier } from 'fast-jwt'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import buildGetJwks from 'get-jwks'
import { Hono } from 'hono'
import { jwk } from 'hono/jwk'
import { importBuilt } from '../built.ts'
import { serveCalls } from './calls.ts'

/**
 * One small app, guarded by whoever the settings name: by nobody, by the gate, or by what people
 * use without it. Each rival has its keys at hand and its cache on where it has one, and checks no
 * revocation.
 *
 * - `express-oauth2-jwt-bearer` keeps the keys, and verifies the signature of each request: it has
 *   no cache of tokens.
 * - `@fastify/jwt+get-jwks` is set up as get-jwks' own page shows it. That keeps the JWK it fetched,
 *   but turns it into PEM anew for each request, by elliptic curves in JavaScript: nearly all of
 *   what it costs. `@fastify/jwt` is the best of it: the app keeps the PEM, and fast-jwt's cache of
 *   tokens is on.
 * - `fast-jwt` has its cache of tokens on, keyed by a digest of the signature: a known token costs
 *   no verification.
 * - `hono/jwk` imports the key and verifies the signature of each request; it has no option to keep
 *   either, and is given the keys, since it would fetch a `jwks_uri` each time.
 */

interface Settings {
  /** Such as `express bare` or `fastify fast-jwt`. */
  readonly app: string
  /** Base URL of the ZeroID server, and the issuer. */
  readonly zeroid: string
}

type Done = (error: null, key: string | undefined) => void
type Keys = { readonly keys: { readonly kid: string; readonly alg: string }[] }

const settings = JSON.parse(process.argv[2] ?? '') as Settings
const issuer = settings.zeroid
const [framework = '', guard = ''] = settings.app.split(' ')
const jwksUri = `${issuer}/.well-known/jwks.json`
const answer = { orders: [{ id: 1, total: 12 }] }
const gate = { url: issuer, maxStaleness: 3_600_000 }

async function fetchPems(): Promise<ReadonlyMap<string, string>> {
  const { keys } = (await (await fetch(jwksUri)).json()) as Keys
  const pemOf = (key: object): string =>
    String(
      createPublicKey({ key: key as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    )
  return new Map(keys.map((key) => [key.kid, pemOf(key)]))
}

async function expressApp(): Promise<Server> {
  const app = express()
  if (guard === 'gate') {
    const { zeroid } =
      await importBuilt<typeof import('../../../src/adapters/express.ts')>('adapters/express.js')
    app.use(zeroid(gate))
  } else if (guard === 'express-oauth2-jwt-bearer') {
    app.use(auth({ issuer, jwksUri, audience: issuer }))
  }
  app.get('/orders', (_request, response) => void response.json(answer))
  // Express prints what nobody handles.
  const refuse: ErrorRequestHandler = (error, _request, response, _next) =>
    void response.status(error.status ?? 500).end()
  app.use(refuse)
  return createServer(app)
}

async function fastifyApp(): Promise<Server> {
  let server: Server | undefined
  const app: FastifyInstance = fastify({
    serverFactory: (handler) => {
      server = createServer(handler)
      return server
    },
  })
  if (guard === 'gate') {
    const { zeroid } =
      await importBuilt<typeof import('../../../src/adapters/fastify.ts')>('adapters/fastify.js')
    app.register(zeroid(gate))
  } else if (guard === '@fastify/jwt+get-jwks') {
    const jwks = buildGetJwks({ jwksPath: '/.well-known/jwks.json' })
    app.register(fastifyJwt, {
      decode: { complete: true },
      secret: (_request: unknown, token: { header: { kid: string; alg: string } }) =>
        jwks.getPublicKey({ kid: token.header.kid, alg: token.header.alg, domain: issuer }),
    } as never)
    app.addHook('onRequest', async (request) => void (await request.jwtVerify()))
  } else if (guard === '@fastify/jwt') {
    const pems = await fetchPems()
    app.register(fastifyJwt, {
      decode: { complete: true },
      verify: { cache: true, allowedIss: issuer },
      secret: (_request: unknown, token: { header: { kid: string } }, done: Done) =>
        done(null, pems.get(token.header.kid)),
    } as never)
    app.addHook('onRequest', async (request) => void (await request.jwtVerify()))
  } else if (guard === 'fast-jwt') {
    const pems = await fetchPems()
    const verify = createVerifier({
      cache: true,
      allowedIss: issuer,
      key: async ({ header }: { header: { kid: string } }) => pems.get(header.kid) as string,
    } as never) as unknown as (token: string) => Promise<object>
    app.addHook('onRequest', async (request) => {
      await verify((request.headers.authorization ?? '').slice('Bearer '.length))
    })
  }
  app.get('/orders', async () => answer)
  await app.ready()
  if (server === undefined) throw new Error('fastify made no server')
  return server
}

async function honoApp(): Promise<Server> {
  const app = new Hono()
  if (guard === 'gate') {
    const { zeroid } =
      await importBuilt<typeof import('../../../src/adapters/hono.ts')>('adapters/hono.js')
    app.use(zeroid(gate))
  } else if (guard === 'empty') {
    app.use((_c, next) => next())
  } else if (guard === 'jwk') {
    const { keys } = (await (await fetch(jwksUri)).json()) as Keys
    app.use(jwk({ keys: keys as never, alg: ['ES256', 'RS256'] }))
  }
  app.get('/orders', (c) => c.json(answer))
  return createAdaptorServer({ fetch: app.fetch }) as Server
}

const apps: Readonly<Record<string, () => Promise<Server>>> = {
  express: expressApp,
  fastify: fastifyApp,
  hono: honoApp,
}
const server = await apps[framework]?.()
server?.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  serveCalls({}, { url: `http://127.0.0.1:${port}` })
})
