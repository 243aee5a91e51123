import { startServer } from '../child.ts'
import type { Contender } from '../load.ts'
import { cpuRatios, describe, raceAfresh } from '../load.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { medianRow } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * The price of the gate inside an app, for a token that it knows: beside the same app without it,
 * and beside what people use instead, though that checks no revocation. Hono answers a route that
 * has no middleware at all by a shorter way: `empty` has one that does nothing.
 */
export const adapters: Scenario = {
  name: 'adapters',
  title: 'one known token inside an app, CPU beside the app without the gate and beside others',
  run,
}

const rivals: Readonly<Record<string, readonly string[]>> = {
  express: ['express-oauth2-jwt-bearer'],
  fastify: ['@fastify/jwt+get-jwks', '@fastify/jwt', 'fast-jwt'],
  hono: ['empty', 'jwk'],
}

async function run({ rounds, scale }: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const [token = ''] = await zeroid.mint(1)
  const headers = { authorization: `Bearer ${token}` }
  const requests = Math.round(20_000 * scale)
  const rows: Row[] = []
  for (const [framework, others] of Object.entries(rivals)) {
    const names = ['bare', 'gate', ...others].map((guard) => `${framework} ${guard}`)
    const start = (): Promise<Contender[]> =>
      Promise.all(names.map((name) => startApp(name, zeroid.url, headers)))
    const samples = await raceAfresh(start, { rounds, requests, warmUp: requests })
    const ours = `${framework} gate`
    for (const name of names) {
      if (name === ours) continue
      rows.push(
        medianRow(`gate / ${name}`, 'x', cpuRatios(samples, ours, name), {
          ...targetBeside(name),
          note: `${describe(samples, ours)}; ${describe(samples, name)}`,
          figures: { ours: samples.get(ours), theirs: samples.get(name) },
        }),
      )
    }
  }
  await zeroid.stop()
  return rows
}

/** get-jwks turns the key into PEM for each request, which takes milliseconds: it gets fewer. */
async function startApp(
  name: string,
  zeroid: string,
  headers: Readonly<Record<string, string>>,
): Promise<Contender> {
  const server = await startServer('app', { app: name, zeroid })
  const url = `${server.started.url}/orders`
  await warm(name, url, headers)
  return { name, server, url, headers, portion: name.endsWith('+get-jwks') ? 0.02 : 1 }
}

function targetBeside(name: string): { readonly target?: number } {
  if (isOpen(name)) return name.endsWith(' bare') ? { target: 1.15 } : {}
  return { target: 1 }
}

/** Whether an app lets anybody in. */
function isOpen(app: string): boolean {
  return / (bare|empty)$/.test(app)
}

/** Waits until the app lets the token in, and sees that a guarded one lets nobody else in. */
async function warm(
  app: string,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  let last = 0
  for (const until = performance.now() + 10_000; performance.now() < until; ) {
    last = (await fetch(url, { headers })).status
    if (last === 200) break
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  if (last !== 200) throw new Error(`${app} answers a good token ${last}`)
  const refused = (await fetch(url)).status
  if (!isOpen(app) && refused === 200) throw new Error(`${app} lets anybody in`)
}
