import express from 'express'
import { requireScope, requireTrust, zeroid } from 'zeroid-gate/express'

const app = express()
const auth = zeroid({ url: process.env.ZEROID_URL ?? 'http://localhost:8899' })

// First of all: from here on every request has a good token, and nobody can forge a header.
app.use(auth)

app.get('/', (req, res) => {
  res.json({ subject: req.zeroid?.subject, scopes: req.zeroid?.scopes })
})

app.get('/orders', requireScope('orders:read'), (_req, res) => {
  res.json([{ id: 1 }])
})

app.delete(
  '/orders/:id',
  requireScope('orders:write'),
  requireTrust('first_party'),
  (_req, res) => {
    res.status(204).end()
  },
)

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as { port: number }).port}`)
})

process.once('SIGTERM', () => server.close(() => auth.gate.close()))
