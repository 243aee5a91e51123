import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfigFiles } from '../../src/proxies/options.ts'
import type { ProxyServer } from './servers.ts'

/** A proxy as a child process. */
export interface RunningProxy {
  readonly url: string
  /** What it wrote on standard output and standard error. */
  log(): string
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** A port of the loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

/** Writes config files into a new folder that any user may read. */
export function writeConfig(server: ProxyServer, files: ConfigFiles): string {
  const dir = mkdtempSync(join(tmpdir(), 'zeroid-gate-e2e-'))
  chmodSync(dir, 0o755)
  for (const [name, text] of Object.entries({ ...files, ...server.around?.(dir) })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

/** Runs the proxy's own check of its config. */
export function lint(
  server: ProxyServer,
  binary: string,
  files: ConfigFiles,
): Promise<{ code: number; output: string }> {
  const dir = writeConfig(server, files)
  const env = { ...process.env, ...server.environment?.(dir) }
  return new Promise((resolve) => {
    execFile(binary, [...server.lint(dir)], { env, cwd: dir }, (error, stdout, stderr) => {
      rmSync(dir, { recursive: true, force: true })
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr })
    })
  })
}

/** Starts a proxy; resolves when its port accepts connections. */
export async function startProxy(
  server: ProxyServer,
  binary: string,
  files: ConfigFiles,
  port: number,
): Promise<RunningProxy> {
  const dir = writeConfig(server, files)
  let output = ''
  const child = spawn(binary, [...server.run(dir)], {
    cwd: dir,
    env: { ...process.env, ...server.environment?.(dir) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Should this process end before the test does.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const collect = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => resolve())
    child.on('error', (error) => {
      output += String(error)
      resolve()
    })
  })

  async function close(): Promise<void> {
    child.kill('SIGTERM')
    const patience = setTimeout(kill, 3_000)
    await ended
    clearTimeout(patience)
    process.removeListener('exit', kill)
    rmSync(dir, { recursive: true, force: true })
  }

  const deadline = performance.now() + 15_000
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await close()
      throw new Error(`${server.name} does not listen on ${port}:\n${output}`)
    }
    await sleep(20)
  }
  return { url: `http://127.0.0.1:${port}`, log: () => output, close }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
