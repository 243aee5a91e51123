import type { Child } from '../child.ts'
import { startGate, startServer } from '../child.ts'
import type { Contender } from '../load.ts'
import { cpuRatios, describe, race } from '../load.ts'
import type { Effort, Row, Scenario } from '../scenario.ts'
import { medianRow } from '../scenario.ts'
import { startZeroid } from '../zeroid.ts'

/**
 * The price of the gate for a token it knows, which is nearly every request: the whole process that
 * users run, beside a bare server that sends the same bytes without looking. In both forms, since a
 * proxied answer has no body and is cheaper to send.
 */
export const warmDoor: Scenario = {
  name: 'warm-door',
  title: 'one known token at the door, CPU beside a bare server with the same answer',
  run,
}

const path = '/oauth2/token/verify'
const forwarded = {
  'x-forwarded-method': 'GET',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'api.example.com',
  'x-forwarded-uri': '/orders?page=2',
}

async function run(effort: Effort): Promise<readonly Row[]> {
  const zeroid = await startZeroid()
  const gate = await startGate({ ZEROID_URL: zeroid.url })
  const [token = ''] = await zeroid.mint(1)
  const rows = await besideBare(gate, token, effort)
  await Promise.all([gate.stop(), zeroid.stop()])
  return rows
}

/** Loads a gate with one token that it knows, in turns with a bare server; a row for each form. */
export async function besideBare(
  gate: Child & { readonly url: string },
  token: string,
  { rounds, scale }: Effort,
): Promise<readonly Row[]> {
  const authorization = `Bearer ${token}`

  const contenders: Contender[] = []
  const bares: Child[] = []
  for (const [form, extra] of Object.entries({ direct: {}, proxied: forwarded })) {
    const headers = { authorization, ...extra }
    const answer = await answerOf(gate.url + path, headers)
    const bare = await startServer('constant', answer)
    bares.push(bare)
    contenders.push(
      { name: `bare ${form}`, server: bare, url: `${bare.started.url}${path}`, headers },
      { name: `gate ${form}`, server: gate, url: gate.url + path, headers },
    )
  }

  const requests = Math.round(40_000 * scale)
  const samples = await race(contenders, { rounds, requests, warmUp: requests })
  await Promise.all(bares.map((bare) => bare.stop()))
  return ['direct', 'proxied'].map((form) =>
    medianRow(
      `gate / bare, ${form} form`,
      'x',
      cpuRatios(samples, `gate ${form}`, `bare ${form}`),
      {
        target: 1.25,
        note: `${describe(samples, `gate ${form}`)}; ${describe(samples, `bare ${form}`)}`,
        figures: { ours: samples.get(`gate ${form}`), theirs: samples.get(`bare ${form}`) },
      },
    ),
  )
}

/** What the gate answers, without the headers that Node adds by itself. */
async function answerOf(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; headers: string[]; body: string }> {
  const answer = await fetch(url, { headers })
  const own = [...answer.headers].filter(([name]) => !/^(date|connection|keep-alive)$/.test(name))
  return { status: answer.status, headers: own.flat(), body: await answer.text() }
}
