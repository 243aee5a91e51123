import express5 from 'express'
import express4 from 'express4'
import * as adapter from '../../src/adapters/express.ts'
import { contract } from './contract.ts'
import { startExpress } from './express-app.ts'

for (const [name, express] of [
  ['Express 5', express5],
  ['Express 4', express4],
] as const) {
  contract({
    name,
    start: (plan) => startExpress(express as never, plan),
    guards: adapter as never,
    zeroid: adapter.zeroid,
    protectedResource: adapter.protectedResource,
  })
}
