import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { type Clock, httpDate } from './clock.ts'
import type { FaultTable } from './faults.ts'
import type { Env } from './reply.ts'
import { type RequestLog, routeOf } from './requests.ts'

/** The emulator's socket. */
export interface Listener {
  readonly port: number
  /** Starts answering; requests before that wait for it. */
  serve(handler: (incoming: IncomingMessage, outgoing: ServerResponse) => void): void
  /** Stops listening and destroys all connections. */
  close(): Promise<void>
  /** Listens on the same port again. */
  reopen(): Promise<void>
}

/** Listens on a port (0: a free one). Rejects when it is taken. */
export async function listen(port: number, host: string): Promise<Listener> {
  const sockets = new Set<Socket>()
  let handler: ((incoming: IncomingMessage, outgoing: ServerResponse) => void) | undefined
  const waiting: [IncomingMessage, ServerResponse][] = []

  // No idle limit: a connection that a client keeps must not vanish under its next request.
  const server = createServer({ keepAliveTimeout: 0 }, (incoming, outgoing) => {
    if (handler === undefined) waiting.push([incoming, outgoing])
    else handler(incoming, outgoing)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await start(server, port, host)
  const address: AddressInfo | string | null = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port

  return {
    port: bound,
    serve(next) {
      handler = next
      for (const [incoming, outgoing] of waiting.splice(0)) next(incoming, outgoing)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
    reopen: () => start(server, bound, host),
  }
}

function start(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** What stands between the socket and the routes. */
export interface Front {
  app: Hono<Env>
  clock: Clock
  requests: RequestLog
  faults: FaultTable
  adminPrefix: string
}

/** Makes the handler of the socket: date, log, fault, then the routes. */
export function createHandler({
  app,
  clock,
  requests,
  faults,
  adminPrefix,
}: Front): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const serveRoutes = getRequestListener(
    (request, env) => {
      // Hono serves HEAD by its GET routes; the real server does not know HEAD.
      const head = request.method === 'HEAD'
      return app.fetch(head ? new Request(request.url, { method: 'OPTIONS' }) : request, env)
    },
    { overrideGlobalObjects: false },
  )

  return (incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming
    const route = routeOf(url, adminPrefix)
    requests.add({ route, method, path: url, headers })
    outgoing.setHeader('date', httpDate(clock.now()))
    outgoing.removeHeader('connection')
    faults
      .apply(route, incoming, outgoing)
      .then((done) => (done ? undefined : serveRoutes(incoming, outgoing)))
      // A fault's body that breaks off takes its connection with it.
      .catch(() => outgoing.destroy())
  }
}
