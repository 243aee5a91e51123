import express from 'express'
import { createGate } from 'zeroid-gate'
import { identityOf, protectedResource, zeroid } from 'zeroid-gate/express'

const gate = createGate({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' })
const about = protectedResource({
  gate,
  resource: process.env.RESOURCE ?? 'http://localhost:3000/mcp',
  scopes: ['tools:read', 'tools:execute'],
})
const tools = [{ name: 'add', inputSchema: { type: 'object' }, scope: 'tools:execute' }]

const app = express()
// Public: where an MCP client learns which server issues tokens. Challenges point to it.
app.use(about)
app.use(zeroid({ gate, resourceMetadata: about.url }))

app.post('/mcp', express.json(), (req, res) => {
  const { id, method, params } = req.body
  const agent = identityOf(req)
  const reply = (result: object): unknown => res.json({ jsonrpc: '2.0', id, result })
  const refuse = (message: string): unknown =>
    res.json({ jsonrpc: '2.0', id, error: { code: -32_001, message } })

  // Agents see the tools that they may call, and call no others.
  const open = tools.filter(({ scope }) => agent.hasScope(scope))
  if (method === 'tools/list') return reply({ tools: open })
  if (method !== 'tools/call') return refuse(`unknown method ${method}`)
  if (!open.some(({ name }) => name === params.name)) return refuse('insufficient_scope')
  const { a, b } = params.arguments
  return reply({ content: [{ type: 'text', text: String(a + b) }] })
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as { port: number }).port}`)
})
