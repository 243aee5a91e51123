import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer as createTcpServer } from 'node:net'
import { onTestFinished } from 'vitest'

/** Deals with a request itself and returns true, or lets it through. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean

export interface HttpProxy {
  readonly url: string
  /** Set to change what is done from now on. */
  intercept: Intercept
  /** Connections of clients that are open now. */
  readonly sockets: () => number
}

/** Forwards HTTP to a server, streams included, except what is intercepted. */
export async function startProxy(target: string, intercept: Intercept): Promise<HttpProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    // A `Date` of the real clock would disagree with the server's.
    outgoing.sendDate = false
    if (proxy.intercept(incoming, outgoing)) return
    const { method, headers, url } = incoming
    const onward = request(target + url, { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      outgoing.flushHeaders()
      answer.pipe(outgoing)
      answer.on('error', () => outgoing.destroy())
    })
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  })
  const { port } = server.address() as AddressInfo
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${port}`,
    intercept,
    sockets: () => sockets.size,
  }
  return proxy
}

export interface Wire {
  readonly url: string
  /** From now on no byte passes, and no connection ends: as behind a dead router. */
  freeze(): void
  /** Bytes pass on new connections; those that were frozen stay so. */
  thaw(): void
}

/** A TCP connection to a server that can go dead without anybody being told. */
export async function startWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let frozen = false
  const server = createTcpServer((client) => {
    const onward = connect(Number(port), hostname)
    for (const socket of [client, onward]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    const dead = new WeakSet<Socket>()
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => {
        if (frozen) dead.add(client)
        if (!dead.has(client)) to.write(bytes)
      })
      from.on('close', () => {
        if (!frozen && !dead.has(client)) to.destroy()
      })
    }
    pass(client, onward)
    pass(onward, client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze() {
      frozen = true
    },
    thaw() {
      frozen = false
    },
  }
}
