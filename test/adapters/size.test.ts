import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test.each(['express', 'fastify', 'hono'])('the %s adapter is shorter than 80 lines', (name) => {
  const text = readFileSync(new URL(`../../src/adapters/${name}.ts`, import.meta.url), 'utf8')
  expect(text.trimEnd().split('\n').length).toBeLessThan(80)
})
