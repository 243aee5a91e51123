import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { createGate, upgradeGuard } from 'zeroid-gate'

const gate = createGate({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' })
const guard = upgradeGuard({ gate })

const server = createServer((_request, response) => response.writeHead(426).end())
const sockets = new WebSocketServer({ noServer: true })

// A browser offers its token as a subprotocol, beside the one that it speaks:
// new WebSocket(url, ['chat', `base64url.bearer.authorization.${base64url(token)}`])
server.on('upgrade', async (request, socket, head) => {
  const allowed = await guard(request, socket)
  if (allowed === undefined) return
  sockets.handleUpgrade(request, socket, head, (ws) => {
    const { signal, subject } = allowed.agent
    // One malformed frame would end the process otherwise.
    ws.on('error', () => ws.terminate())
    ws.on('message', (message) => ws.send(`${subject}: ${message}`))
    const cut = (): void => {
      // A client may go on sending, and need not answer the close.
      ws.removeAllListeners('message')
      ws.close(1008, signal.reason.code)
      setTimeout(() => ws.terminate(), 500)
    }
    if (signal.aborted) cut()
    else signal.addEventListener('abort', cut)
  })
})

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as { port: number }).port}`)
})
// The gate's end is the end of every socket that rests on it.
process.once('SIGTERM', () => server.close() && gate.close())
