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
    const close = (): void => ws.close(1008, signal.reason.code)
    if (signal.aborted) close()
    else signal.addEventListener('abort', close)
    ws.on('message', (message) => ws.send(`${subject}: ${message}`))
  })
})

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as { port: number }).port}`)
})
process.once('SIGTERM', () => server.close(() => gate.close()))
