import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { buildCli, type Cli, freePort, type Running, until } from './cli.ts'

let cli: Cli
beforeAll(() => {
  cli = buildCli()
})
afterAll(() => cli.remove())

const execute = promisify(execFile)

/** Runs a printed line in a shell, as somebody who pastes it would. */
async function paste(line: string, token: string): Promise<string> {
  const { stdout } = await execute('bash', ['-c', line], {
    env: { PATH: process.env.PATH, TOKEN: token },
  })
  return stdout
}

async function status(line: string, token: string): Promise<number> {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(await paste(line, token))?.[1])
}

async function startDev(): Promise<{ running: Running; ports: number[]; args: string[] }> {
  const ports = [await freePort(), await freePort(), await freePort()]
  const flags = ['--port', '--gate-port', '--admin-port']
  const args = ['dev', ...flags.flatMap((flag, i) => [flag, String(ports[i])])]
  const running = cli.start(args)
  await until(() => running.stdout().includes('Ctrl-C'))
  return { running, ports, args }
}

async function listenOn(port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  onTestFinished(() => void server.close())
}

test('the lines that dev prints do what they say', async () => {
  const { running, ports } = await startDev()
  const lines = running.stdout().split('\n')
  expect(running.stdout()).toContain('throw-away')
  const printed = lines.find((line) => line.startsWith('TOKEN=ey'))!
  const token = printed.slice('TOKEN='.length)
  const renewal = lines.find((line) => line.startsWith('TOKEN=$('))!
  const curls = lines.filter((line) => line.startsWith('curl '))
  const [atGate, atServer, revoke, afterRevoke, afterRenewal, signal, afterSignal] = curls
  expect(curls).toHaveLength(7)

  expect(await status(atGate!, token)).toBe(200)
  expect(await status(atServer!, token)).toBe(200)
  expect(await paste(revoke!, token)).toContain('"revoked":true')
  await until(async () => (await status(afterRevoke!, token)) === 401)
  expect(await status(atServer!, token)).toBe(401)

  const fresh = (await paste(`${renewal}; printf %s "$TOKEN"`, '')).trim()
  expect(fresh.split('.')).toHaveLength(3)
  expect(await status(afterRenewal!, fresh)).toBe(200)
  expect(await paste(signal!, fresh)).toContain('"severity":"critical"')
  await until(async () => (await status(afterSignal!, fresh)) === 401)

  expect((await fetch(`http://127.0.0.1:${ports[2]}/ready`)).status).toBe(200)
  // What the gate said is shown as it happens.
  expect(running.stdout()).toMatch(/\d\d:\d\d:\d\d {2}200 allow +/)
  expect(running.stdout()).toMatch(/\d\d:\d\d:\d\d {2}401 deny +token_inactive/)
  expect(running.stderr()).toBe('')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends dev with 0 and frees its ports`, async () => {
    const { running, ports } = await startDev()
    running.process.kill(signal)
    const { code, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const port of ports) await listenOn(port)
  })
}

test('a port in use is one line that names the port and the flag', async () => {
  const taken = await freePort()
  await listenOn(taken)
  const flags = ['--port', '--gate-port', '--admin-port']
  await Promise.all(
    flags.map(async (flag) => {
      const args = flags.flatMap((name) => [name, name === flag ? String(taken) : '0'])
      const { code, stdout, stderr } = await cli.run(['dev', ...args])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toBe(
        `zeroid-gate: cannot listen on 127.0.0.1:${taken}: the port is in use; stop what listens there or choose another port (${flag} chooses the address)\n`,
      )
    }),
  )
})
