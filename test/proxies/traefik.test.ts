import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { identityHeaderNames } from '../../src/http/identity-headers.ts'
import { claimedRequestHeaders } from '../../src/proxies/headers.ts'
import { defaultOptions } from '../../src/proxies/options.ts'
import { traefik } from '../../src/proxies/traefik.ts'
import { startStack } from '../helpers/stack.ts'

type Fields = [string, string][]
interface Recording {
  client: { headers: Fields }
  gate_received: { method: string; target: string; headers: Fields }
  backend_received: { headers: Fields }
}

const recording: Recording = JSON.parse(
  readFileSync(new URL('../wire/traefik.json', import.meta.url), 'utf8'),
)
const files = traefik(defaultOptions)
const statics = parse(files['traefik.yml'] ?? '')
const dynamics = parse(files['dynamic.yml'] ?? '')
const { forwardAuth } = dynamics.http.middlewares['zeroid-gate']
const stripped = new RegExp(forwardAuth.authResponseHeadersRegex.replace('(?i)', ''), 'i')

test('every part that is named is there', () => {
  const { routers, middlewares, services } = dynamics.http
  expect(Object.keys(statics.entryPoints)).toEqual(routers.backend.entryPoints)
  for (const name of routers.backend.middlewares) expect(middlewares).toHaveProperty(name)
  expect(services).toHaveProperty(routers.backend.service)
  expect(statics.providers.file.filename).toBe('dynamic.yml')
})

test('only options of the middleware that exist in Traefik 3 are set', () => {
  expect(Object.keys(forwardAuth).sort()).toEqual([
    'address',
    'authRequestHeaders',
    'authResponseHeadersRegex',
    'trustForwardHeader',
  ])
})

test('nobody in front is believed unless named', () => {
  expect(statics.entryPoints.web).not.toHaveProperty('forwardedHeaders')
})

test.each(['-', '_', '.', '~', '!'])('strips the closed list spelt with "%s"', (separator) => {
  for (const name of identityHeaderNames) {
    expect(name.replaceAll('-', separator)).toMatch(stripped)
  }
})

test('leaves alone what only looks alike', () => {
  for (const name of ['X-Forwarded-User-Agent', 'X-Forwarded-Users', 'X-Zeroidea', 'Ax-Zeroid-A']) {
    expect(name).not.toMatch(stripped)
  }
})

test('takes the words of other proxies away', () => {
  const { customRequestHeaders } = dynamics.http.middlewares['zeroid-unclaimed'].headers
  for (const name of claimedRequestHeaders) expect(customRequestHeaders[name]).toBe('')
})

test('of what a client sent to a real Traefik, nothing that the pattern matches got through', () => {
  const forged = recording.client.headers.filter(([name]) => stripped.test(name))
  expect(forged).toHaveLength(4)
  const values = recording.backend_received.headers
    .filter(([name]) => stripped.test(name))
    .map(([, value]) => value)
  expect(values).not.toContain('evil')
})

test('the door answers what a real Traefik asked as Traefik hands it on', async () => {
  const stack = await startStack()
  const token = await stack.zeroid.mint()
  const ask = (authorization: string | undefined): Promise<Response> => {
    const kept = recording.gate_received.headers.filter(
      ([name]) => !/^(authorization|host)$/i.test(name),
    )
    const headers = new Headers(kept)
    if (authorization !== undefined) headers.set('Authorization', authorization)
    const target = new URL(forwardAuth.address).pathname
    return fetch(`${stack.url}${target}`, { method: recording.gate_received.method, headers })
  }
  const allowed = await ask(`Bearer ${token}`)
  expect(allowed.status).toBe(200)
  expect(await allowed.text()).toBe('')
  const copied = [...allowed.headers].filter(([name]) => stripped.test(name))
  const direct = await stack.present(token)
  expect(copied).toEqual([...direct.headers].filter(([name]) => stripped.test(name)))
  const denied = await ask('Bearer good')
  expect(denied.status).toBe(401)
  expect(denied.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
  expect(await denied.json()).toEqual({ error: 'invalid_token' })
})
