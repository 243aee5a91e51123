import express from 'express'
import { createGate } from 'zeroid-gate'
import { identityOf, protectedResource, requireScope, zeroid } from 'zeroid-gate/express'

const gate = createGate({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' })
const resource = process.env.RESOURCE ?? 'http://localhost:3000/mcp'
const about = protectedResource({ gate, resource, scopes: ['tools:execute'] })
const hello = { capabilities: { tools: {} }, serverInfo: { name: 'shouter', version: '1.0.0' } }
const inputSchema = { type: 'object', properties: { text: { type: 'string' } } }

const app = express()
// Public: where an MCP client learns which server issues tokens. Challenges point to it.
app.use(about)
app.use(zeroid({ gate, resourceMetadata: about.url }))
const mayCall = requireScope('tools:execute')
app.post('/mcp', express.json(), (req, res, next) =>
  req.body?.method === 'tools/call' ? mayCall(req, res, next) : next(),
)
app.post('/mcp', (req, res) => {
  const { id, method, params } = req.body ?? {}
  const reply = (said: object): unknown => res.json({ jsonrpc: '2.0', id, ...said })
  if (id === undefined) return res.status(202).end()
  if (method === 'initialize') return reply({ result: { protocolVersion: '2025-06-18', ...hello } })
  if (method === 'ping') return reply({ result: {} })
  const tools = identityOf(req).hasScope('tools:execute') ? [{ name: 'shout', inputSchema }] : []
  if (method === 'tools/list') return reply({ result: { tools } })
  const text = `${params?.arguments?.text}!`.toUpperCase()
  if (params?.name === 'shout') return reply({ result: { content: [{ type: 'text', text }] } })
  return reply({ error: { code: -32_601, message: 'no such method or tool' } })
})
// What the server has to say on its own: it ends with its agent.
app.get('/mcp', (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': open\n\n')
  identityOf(req).signal.addEventListener('abort', () => res.destroy())
})
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as { port: number }).port}`)
})
