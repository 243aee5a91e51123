import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { buildCli, type Cli, listening, type Running, temporaryFolder, until } from './cli.ts'

let cli: Cli
let zeroid: Emulator
let token: string
beforeAll(async () => {
  cli = buildCli()
  zeroid = await startEmulator()
  token = await zeroid.mint({ scopes: ['data:read'] })
})
afterAll(async () => {
  cli.remove()
  await zeroid.close()
})

/** A policy that lets tokens with `data:read` pass at this path alone. */
function letting(path: string): string {
  return `version: 1
routes:
  - name: only
    match: { path: ${path} }
    require: { scopes: { all: ['data:read'] } }
`
}

interface Served {
  readonly running: Running
  /** Puts this text in the place of the file. */
  readonly write: (text: string) => void
  /** Asks as a proxy does. */
  readonly ask: (path: string) => Promise<Response>
  readonly ready: () => Promise<{ status: number; problems: string[]; warnings: string[] }>
  readonly metric: (line: string) => Promise<boolean>
}

/** @param text of the file at the start; undefined: there is none */
async function serve(text: string | undefined): Promise<Served> {
  const folder = temporaryFolder()
  const file = join(folder, 'policy.yaml')
  const write = (next: string): void => {
    writeFileSync(join(folder, 'next'), next)
    renameSync(join(folder, 'next'), file)
  }
  if (text !== undefined) write(text)
  const running = cli.start(['serve'], {
    ZEROID_URL: zeroid.url,
    ZEROID_TENANTS: 'acct-demo/proj-demo',
    GATE_LISTEN: '127.0.0.1:0',
    GATE_ADMIN_LISTEN: '127.0.0.1:0',
    GATE_POLICY_FILE: file,
  })
  const { door, admin } = await listening(running)
  return {
    running,
    write,
    ask: (path) =>
      fetch(`${door}/oauth2/token/verify`, {
        headers: {
          authorization: `Bearer ${token}`,
          'x-forwarded-method': 'GET',
          'x-forwarded-uri': path,
        },
      }),
    async ready() {
      const answer = await fetch(`${admin}/ready`)
      return { status: answer.status, ...((await answer.json()) as object) } as never
    },
    async metric(line) {
      const text = await (await fetch(`${admin}/metrics`)).text()
      return text.split('\n').includes(line)
    },
  }
}

/** Lines of the log with this message; the log is written a little after what it tells. */
function logged({ running }: Served, message: string): Record<string, unknown>[] {
  return running
    .stdout()
    .split('\n')
    .filter((line) => line.includes(JSON.stringify(message)))
    .map((line) => JSON.parse(line))
}

const bad = 'version: 1\nroutes:\n  - match: { path: tools }\n'
const place = /policy\.yaml:3:20: routes\[0\]\.match\.path: "tools" must start with \/$/

describe('zeroid-gate serve with a policy file', () => {
  test('lets pass what a route lets pass, and takes new rules at once on SIGHUP', async () => {
    const served = await serve(letting('/0'))
    await until(async () => (await served.ask('/0')).status === 200)
    expect((await served.ask('/1')).status).toBe(403)
    const begun = performance.now()
    for (let i = 1; i <= 5; i++) {
      served.write(letting(`/${i}`))
      served.running.process.kill('SIGHUP')
      await until(async () => (await served.ask(`/${i}`)).status === 200)
      expect((await served.ask(`/${i - 1}`)).status).toBe(403)
    }
    // Without the signal each would have waited for the next look, two seconds later.
    expect(performance.now() - begun).toBeLessThan(8_000)
    await until(() => logged(served, 'policy reloaded').length === 5)
    served.running.process.kill('SIGTERM')
    expect((await served.running.ended).code).toBe(0)
  })

  test('takes new rules without being told', async () => {
    const served = await serve(letting('/0'))
    await until(async () => (await served.ask('/0')).status === 200)
    served.write(letting('/1'))
    await until(async () => (await served.ask('/1')).status === 200)
    expect((await served.ask('/0')).status).toBe(403)
  })

  test('keeps the rules of before while the file is bad, and says where it is', async () => {
    const served = await serve(letting('/0'))
    await until(async () => (await served.ask('/0')).status === 200)
    expect(await served.metric('zeroid_gate_policy_loaded 1')).toBe(true)
    served.write(bad)
    served.running.process.kill('SIGHUP')
    await until(() => served.metric('zeroid_gate_policy_loaded 0'))
    expect((await served.ask('/0')).status).toBe(200)
    expect((await served.ask('/1')).status).toBe(403)
    const ready = await served.ready()
    expect(ready).toMatchObject({ status: 200, problems: [] })
    expect(ready.warnings).toContainEqual(expect.stringMatching(place))
    const message = 'the policy cannot be used; the rules of before stay in force'
    await until(() => logged(served, message).length > 0)
    expect(logged(served, message)).toMatchObject([
      { level: 'error', problem: expect.stringMatching(place) },
    ])
  })

  test.each([
    ['is bad', bad, place],
    ['is missing', undefined, /policy\.yaml: cannot be read \(ENOENT\)$/],
  ])(
    'refuses everything with 503 where the file %s at the start, until it is mended',
    async (_what, text, problem) => {
      const served = await serve(text)
      await until(async () => (await served.ready()).problems.length === 1)
      const ready = await served.ready()
      expect(ready.status).toBe(503)
      expect(ready.problems).toEqual([expect.stringMatching(problem)])
      expect(await served.metric('zeroid_gate_policy_loaded 0')).toBe(true)
      const refusal = await served.ask('/0')
      expect(refusal.status).toBe(503)
      expect(refusal.headers.get('retry-after')).toBe('5')
      await until(() => logged(served, 'cannot tell').length > 0)
      expect(logged(served, 'cannot tell')).toMatchObject([{ reason: 'policy_not_loaded' }])

      served.write(letting('/0'))
      await until(async () => (await served.ask('/0')).status === 200)
      expect(await served.ready()).toMatchObject({ status: 200, problems: [] })
      expect(await served.metric('zeroid_gate_policy_loaded 1')).toBe(true)
    },
  )
})
