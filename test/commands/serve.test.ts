import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/index.ts'
import { buildCli, type Cli, freePort, listening, temporaryFolder, until } from './cli.ts'

let cli: Cli
beforeAll(() => {
  cli = buildCli()
})
afterAll(() => cli.remove())

async function emulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const zeroid = await startEmulator(options)
  onTestFinished(() => zeroid.close())
  return zeroid
}

const anyPort = { GATE_LISTEN: '127.0.0.1:0', GATE_ADMIN_LISTEN: '127.0.0.1:0' }

/** A token that is not minted just now: its first sight asks the server. */
function older(zeroid: Emulator): Promise<string> {
  return zeroid.mint({ iat: Math.floor(Date.now() / 1000) - 300 })
}

function verify(door: string, token: string): Promise<Response> {
  return fetch(`${door}/oauth2/token/verify`, { headers: { authorization: `Bearer ${token}` } })
}

/** The same over a unix socket. */
function verifyOn(socketPath: string, token: string): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/oauth2/token/verify', headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

describe('zeroid-gate serve', () => {
  test('answers, and on SIGTERM finishes what is under way before it ends with 0', async () => {
    const zeroid = await emulator()
    const sidecar = cli.start(['serve'], {
      ...anyPort,
      GATE_SIGNALS: 'off',
      ZEROID_URL: zeroid.url,
    })
    const { door } = await listening(sidecar)
    const warm = await zeroid.mint()
    await until(async () => (await verify(door, warm)).status === 200)

    zeroid.requests.reset()
    zeroid.faults.set('introspect', { delay: 500 })
    const underWay = verify(door, await older(zeroid))
    await until(() => zeroid.requests.count('introspect') === 1)
    const asked = performance.now()
    sidecar.process.kill('SIGTERM')
    expect((await underWay).status).toBe(200)
    expect((await sidecar.ended).code).toBe(0)
    expect(performance.now() - asked).toBeLessThan(10_000)
    await expect(verify(door, 'x')).rejects.toThrow()
  })

  test('ends at once on a second signal', async () => {
    const zeroid = await emulator()
    const sidecar = cli.start(['serve'], { ...anyPort, ZEROID_URL: zeroid.url })
    const { door } = await listening(sidecar)
    // Half a request keeps it waiting for the other half.
    const { port } = new URL(door)
    const client = connect(Number(port), '127.0.0.1')
    onTestFinished(() => void client.destroy())
    client.on('error', () => {})
    await new Promise<void>((resolve) => client.once('connect', resolve))
    client.write('GET /oauth2/token/verify HTTP/1.1\r\nHost: gate\r\n')
    // 503 until the keys are loaded.
    await until(async () => (await verify(door, 'x')).status === 401)

    sidecar.process.kill('SIGTERM')
    await until(() =>
      verify(door, 'x').then(
        () => false,
        () => true,
      ),
    )
    expect(sidecar.process.exitCode).toBeNull()
    sidecar.process.kill('SIGTERM')
    expect((await sidecar.ended).code).toBe(143)
  })

  test('serves a unix socket, also where a dead process left its file', async () => {
    const zeroid = await emulator()
    const path = join(temporaryFolder(), 'door.sock')
    const env = { ...anyPort, GATE_LISTEN: `unix:${path}`, ZEROID_URL: zeroid.url }
    const killed = cli.start(['serve'], env)
    expect(await listening(killed)).toMatchObject({ door: `unix:${path}` })
    killed.process.kill('SIGKILL')
    await killed.ended

    const heir = cli.start(['serve'], env)
    await listening(heir)
    const token = await zeroid.mint()
    await until(async () => (await verifyOn(path, token)) === 200)

    const rival = await cli.run(['serve'], env)
    expect(rival.code).toBe(1)
    expect(rival.stderr).toBe(
      `zeroid-gate: cannot listen on unix:${path}: another process listens there; stop it or choose another path (GATE_LISTEN chooses the address)\n`,
    )
    expect(await verifyOn(path, await zeroid.mint())).toBe(200)
    heir.process.kill('SIGTERM')
    expect((await heir.ended).code).toBe(0)
  })

  test('names the setting of an address that cannot be had', async () => {
    const zeroid = await emulator()
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'file'), '')
    const taken = new URL(zeroid.url).host
    const cases = [
      [{ GATE_LISTEN: taken }, `on ${taken}: the port is in use`, 'GATE_LISTEN'],
      [{ GATE_ADMIN_LISTEN: taken }, `on ${taken}: the port is in use`, 'GATE_ADMIN_LISTEN'],
      [{ GATE_LISTEN: `unix:${folder}/no/x` }, 'its folder does not exist', 'GATE_LISTEN'],
      [{ GATE_LISTEN: `unix:${folder}/file` }, 'another file stands there', 'GATE_LISTEN'],
      [{ GATE_LISTEN: '192.0.2.1:0' }, 'this host has no such address', 'GATE_LISTEN'],
    ] as const
    await Promise.all(
      cases.map(async ([address, reason, setting]) => {
        const env = { ...anyPort, ...address, ZEROID_URL: zeroid.url }
        const { code, stdout, stderr } = await cli.run(['serve'], env)
        expect(code).toBe(1)
        expect(stdout).toBe('')
        expect(stderr).toContain(reason)
        expect(stderr).toContain(`(${setting} chooses the address)`)
        expect(stderr.trim().split('\n')).toHaveLength(1)
      }),
    )
  })

  test('lists every problem of the settings, and no secret', async () => {
    const secret = 'not-to-be-seen-\u0007'
    const { code, stdout, stderr } = await cli.run(['serve'], {
      ZEROID_URL: 'ftp://zeroid',
      GATE_LISTEN: 'here',
      GATE_MAX_STALENESS: 'soon',
      GATE_MODUS: 'live',
      ZEROID_ADMIN_TOKEN: secret,
    })
    expect(code).toBe(78)
    expect(stdout).toBe('')
    const names = stderr.split('\n').map((line) => line.trim().split(':')[0])
    expect(names).toEqual([
      'zeroid-gate',
      'ZEROID_URL',
      'ZEROID_ADMIN_TOKEN',
      'GATE_LISTEN',
      'GATE_MAX_STALENESS',
      'GATE_MODUS',
      '',
    ])
    expect(stderr).not.toContain(secret.slice(0, 14))
  })

  test('ends with 1 at a fault that nobody caught, and shows its stack at debug only', async () => {
    const zeroid = await emulator()
    const code = `process.on('SIGUSR2', () => { Promise.reject(new RangeError('text-of-it')) })`
    const node = ['--import', `data:text/javascript,${encodeURIComponent(code)}`]
    const fail = async (level: string): Promise<{ last: string; code: number | null }> => {
      const env = { ...anyPort, ZEROID_URL: zeroid.url, GATE_LOG_LEVEL: level }
      const sidecar = cli.start(['serve'], env, { node })
      await listening(sidecar)
      sidecar.process.kill('SIGUSR2')
      const ended = await sidecar.ended
      expect(ended.stderr).toBe('')
      // A line of before may still be on its way, and come after this one.
      const lines = ended.stdout.trim().split('\n')
      return { code: ended.code, last: lines.findLast((line) => line.includes('"error"')) ?? '' }
    }
    const usual = await fail('info')
    expect(usual.code).toBe(1)
    expect(JSON.parse(usual.last), usual.last).toMatchObject({
      level: 'error',
      error: 'RangeError',
    })
    expect(usual.last).not.toContain('text-of-it')
    const debug = await fail('debug')
    expect(debug.code).toBe(1)
    expect(JSON.parse(debug.last).stack).toContain('RangeError: text-of-it\n    at ')
  })
})

describe('readiness', () => {
  test('says why while ZeroID is down, and recovers when it comes up', async () => {
    const port = await freePort()
    const env = { ...anyPort, ZEROID_URL: `http://127.0.0.1:${port}` }
    const sidecar = cli.start(['serve'], env)
    const { door, admin } = await listening(sidecar)
    const ready = (): Promise<Response> => fetch(`${admin}/ready`)
    const healthEnv = { ...env, GATE_ADMIN_LISTEN: new URL(admin).host }

    const down = await until(async () => {
      const answer = await ready()
      const text = await answer.text()
      return text.includes('ECONNREFUSED') ? { status: answer.status, text } : undefined
    })
    expect(down.status).toBe(503)
    expect(JSON.parse(down.text).problems).toContain('the keys are not loaded: ECONNREFUSED')
    const unhealthy = await cli.run(['healthcheck'], healthEnv)
    expect(unhealthy.code).toBe(1)
    expect(unhealthy.stdout).toContain('the keys are not loaded')

    const zeroid = await emulator({ port })
    await until(async () => (await ready()).status === 200)
    expect((await verify(door, await zeroid.mint())).status).toBe(200)
    expect((await cli.run(['healthcheck'], healthEnv)).code).toBe(0)
  })

  test('healthcheck is 1 where nobody listens', async () => {
    const { code, stdout } = await cli.run(['healthcheck'], {
      ZEROID_URL: 'http://127.0.0.1:1',
      GATE_ADMIN_LISTEN: `127.0.0.1:${await freePort()}`,
    })
    expect(code).toBe(1)
    expect(stdout).toContain('not reachable')
  })
})

describe('the command line', () => {
  test('every command explains itself', async () => {
    const commands = ['serve', 'dev', 'demo', 'explain', 'healthcheck']
    const overview = await cli.run([])
    await Promise.all(
      commands.map(async (command) => {
        expect(overview.stdout).toContain(`zeroid-gate ${command} `)
        const { code, stdout, stderr } = await cli.run([command, '--help'])
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
        expect(stdout).toMatch(new RegExp(`^zeroid-gate ${command}\\b`))
        expect(stdout).toContain('Exit code')
      }),
    )
  })

  test('a wrong one is 64 and one line', async () => {
    const lines = [
      [['serve', '--port', '1'], "serve: Unknown option '--port'"],
      [['demo', 'now'], 'demo: Unexpected "now"'],
      [['dev', '--port', 'x'], 'dev: --port "x" is not a port'],
      [['dev', '--port'], "dev: Option '--port <value>' argument missing"],
      [['healthcheck', '-x'], "healthcheck: Unknown option '-x'"],
      [['explain', 'a', 'b'], 'explain: Unexpected "b"'],
    ] as const
    await Promise.all(
      lines.map(async ([args, message]) => {
        const { code, stdout, stderr } = await cli.run([...args])
        expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
        expect(stderr).toMatch(/^zeroid-gate: .*--help\)\n$/)
        expect(stderr).toContain(message)
      }),
    )
    const unknown = await cli.run(['severe'])
    expect(unknown.code).toBe(64)
    expect(unknown.stderr).toContain('zeroid-gate: no command "severe"')
  })
})
