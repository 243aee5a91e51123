import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'

/** What a route answers: JSON, or anything that the function writes itself. */
export type Route = object | ((request: SeenRequest, response: ServerResponse) => void)

/** A request that reached the server, read to its end. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server in ZeroID's place that may answer anything at all. */
export interface HostileServer {
  readonly url: string
  readonly seen: readonly SeenRequest[]
  /** How many requests came for a path. */
  count(path: string): number
  /** Sets what a path answers from now on. */
  on(path: string, route: Route): void
  /** Stops listening and ends all connections. */
  pause(): Promise<void>
  /** Listens again on the same port. */
  resume(): Promise<void>
}

export const jwksPath = '/.well-known/jwks.json'
export const metadataPath = '/.well-known/oauth-authorization-server'
export const introspectPath = '/oauth2/token/introspect'

/**
 * Starts the server; it is closed when the test ends. Without further routes it names itself as
 * the issuer and calls every token active: whatever gets past the gate's own checks is let in.
 *
 * @param now the time of its `Date` headers, milliseconds since the epoch
 */
export async function startServer(now: () => number = Date.now): Promise<HostileServer> {
  const routes = new Map<string, Route>()
  const seen: SeenRequest[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      const path = request.url ?? ''
      const entry = { method: request.method ?? '', path, headers: request.headers, body }
      seen.push(entry)
      response.setHeader('Date', new Date(now()).toUTCString())
      const route = routes.get(path)
      if (route === undefined) response.writeHead(404).end()
      else if (typeof route === 'function') route(entry, response)
      else sendJson(response, route)
    })
  })
  const port = await listenOn(server, 0)
  const url = `http://127.0.0.1:${port}`
  onTestFinished(() => closeNow(server))
  routes.set(metadataPath, { issuer: url })
  routes.set(jwksPath, { keys: [] })
  routes.set(introspectPath, { active: true })
  return {
    url,
    seen,
    count: (path) => seen.filter((request) => request.path === path).length,
    on: (path, route) => void routes.set(path, route),
    pause: () => closeNow(server),
    resume: async () => void (await listenOn(server, port)),
  }
}

/** Answers 200 and JSON. */
export function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

/** A route that answers exactly this. */
export function answering(
  status: number,
  type: string,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): Route {
  return (_request, response) => {
    response.writeHead(status, { 'Content-Type': type, ...headers }).end(body)
  }
}

/** A route that sends its first bytes and then one byte now and then, for ever. */
export const dripping: Route = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.write('{"keys":[')
  const drip = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(drip))
}

/** A route that never answers. */
export const hanging: Route = () => {}

async function listenOn(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

async function closeNow(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
