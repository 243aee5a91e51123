import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { doctor } from '../../src/commands/doctor.ts'
import type { CommandError } from '../../src/commands/usage.ts'
import type { Result } from '../../src/doctor/examine.ts'
import { probes } from '../../src/doctor/probes.ts'
import { nginx } from '../../src/proxies/nginx.ts'
import type { ConfigFiles } from '../../src/proxies/options.ts'
import { freePort, startProxy } from './process.ts'
import { findBinary, nginxServer } from './servers.ts'

const binary = findBinary(nginxServer)
const loopback = '127.0.0.1'

/** nginx as an operator set it up; nobody stands beside or behind it yet. */
async function startNginx(
  path: string,
  change: (files: ConfigFiles) => ConfigFiles = (files) => files,
): Promise<{ url: string; gate: string; echo: string }> {
  const [gate, backend, listen] = [await freePort(), await freePort(), await freePort()]
  const at = (port: number): { host: string; port: number } => ({ host: loopback, port })
  const files = nginx({ gate: at(gate), backend: at(backend), listen: at(listen) })
  const proxy = await startProxy(nginxServer, path, change(files), listen)
  onTestFinished(() => proxy.close())
  return { url: proxy.url, gate: `${loopback}:${gate}`, echo: `${loopback}:${backend}` }
}

async function run(...args: string[]): Promise<{ code: number; output: string }> {
  let output = ''
  const code = await doctor(args, (text) => {
    output += text
  })
  return { code, output }
}

async function failure(...args: string[]): Promise<CommandError> {
  return await doctor(args, () => {}).then(
    () => expect.fail('no error'),
    (error: CommandError) => error,
  )
}

describe.skipIf(binary === undefined)('doctor before nginx', () => {
  test('finds nothing amiss with the config as shipped', async () => {
    const { url, gate, echo } = await startNginx(binary ?? '')
    const { code, output } = await run(url, '--gate', gate, '--echo', echo)
    expect(output).toContain(`${probes.length} ok, 0 to fix, 0 skipped`)
    expect(code).toBe(0)
  })

  test('skips what needs the gate side, with a token alone', async () => {
    const { url, gate, echo } = await startNginx(binary ?? '')
    // A gate that lets one token in, and that nobody can look into.
    const [host, port] = gate.split(':')
    const door = createServer({ maxHeaderSize: 65_536 }, ({ headers }, response) => {
      const allowed = headers.authorization === 'Bearer good'
      response.writeHead(allowed ? 200 : 401, { 'Content-Length': '0', 'X-Forwarded-User': 'me' })
      response.end()
    })
    await new Promise<void>((resolve) => door.listen(Number(port), host, resolve))
    const folder = mkdtempSync(join(tmpdir(), 'zeroid-gate-doctor-'))
    onTestFinished(() => {
      door.close()
      door.closeAllConnections()
      rmSync(folder, { recursive: true })
    })
    writeFileSync(join(folder, 'token'), 'Bearer good\n')
    const { code, output } = await run(url, '--token-file', join(folder, 'token'), '--echo', echo)
    const skipped = probes.filter(({ needs }) => needs === 'gate').length
    // That door sends no challenge.
    expect(output).toContain(`2 to fix, ${skipped} skipped`)
    expect(code).toBe(1)
  })

  test('tells the lines that the snippet which everybody copies lacks', async () => {
    const { url, gate, echo } = await startNginx(binary ?? '', (files) =>
      naive(files['zeroid-gate.conf'] ?? ''),
    )
    const { code, output } = await run(url, '--gate', gate, '--echo', echo, '--json')
    expect(code).toBe(1)
    const results: Result[] = JSON.parse(output)
    const found = results.filter(({ outcome }) => outcome === 'fix')
    expect(found.map(({ id }) => id)).toEqual([
      'no-token',
      'bad-token',
      'gate-unknown',
      'gate-down',
      'reuse',
      'identity',
      'forged-dash',
      'forged-twice',
      'claimed-uri',
      'cookies',
      'big-headers',
      'websocket',
    ])
    const lines = found.flatMap((result) => result.lines ?? [])
    for (const line of ['error_page 500 = @zeroid_unknown;', 'keepalive 32;']) {
      expect(lines).toContain(line)
    }
  })
})

/** As ZeroID's own documentation shows it: two headers, and nothing else. */
function naive(shipped: string): ConfigFiles {
  const [gate, backend] = [...shipped.matchAll(/^ {4}server (\S+);/gm)].map(([, place]) => place)
  const listen = /listen (\S+);/.exec(shipped)?.[1]
  return {
    'zeroid-gate.conf': `server {
    listen ${listen};
    location = /_verify {
        internal;
        proxy_pass http://${gate}/oauth2/token/verify;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Forwarded-Uri $request_uri;
    }
    location / {
        auth_request /_verify;
        auth_request_set $user $upstream_http_x_forwarded_user;
        auth_request_set $trust $upstream_http_x_zeroid_trust_level;
        proxy_set_header X-Forwarded-User $user;
        proxy_set_header X-Zeroid-Trust-Level $trust;
        proxy_pass http://${backend};
    }
}
`,
  }
}

test.each([
  [[], 'no URL of a proxy given'],
  [['ftp://x'], '"ftp://x" is not http://host:port'],
  [['http://x/path'], '"http://x/path" is not http://host:port'],
  [['http://127.0.0.1:1'], 'needs --token-file FILE or --gate ADDRESS'],
  [['http://x', '--gate', 'x'], '--gate "x" is not port, :port or host:port'],
  [['http://x', '--proxy', 'apache', '--token-file', '/dev/null'], 'no proxy "apache"'],
  [['http://x', '--probe', 'x'], "Unknown option '--probe'"],
])('refuses %j with exit code 64', async (args, message) => {
  const error = await failure(...args)
  expect(error.message).toContain(message)
  expect(error.exitCode).toBe(64)
})

test('says that nothing answers', async () => {
  const url = `http://${loopback}:${await freePort()}`
  const error = await failure(url, '--token-file', '/dev/null')
  expect(error.message).toBe(`doctor: nothing answers at ${url} (ECONNREFUSED)`)
  expect(error.exitCode).toBe(1)
})

test('says which token file cannot be read', async () => {
  const error = await failure('http://127.0.0.1:1', '--token-file', '/nowhere/token')
  expect(error.message).toBe('doctor: cannot read /nowhere/token (ENOENT)')
})
