import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A finished process. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running `zeroid-gate`. */
export interface Running {
  readonly process: ChildProcess
  /** What it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<Ended>
}

export interface Cli {
  /** Starts it; it is killed when the test ends. */
  start(args: string[], env?: Record<string, string>, options?: StartOptions): Running
  /** Runs it to its end. */
  run(args: string[], env?: Record<string, string>, options?: StartOptions): Promise<Ended>
  /** Removes what was compiled. */
  remove(): void
}

export interface StartOptions {
  /** For standard input, which is closed after it. */
  readonly input?: string
  /** Flags for Node itself. */
  readonly node?: string[]
}

/** Compiles the program as it is shipped: it starts in half the time that a loader takes. */
export function buildCli(): Cli {
  // Below node_modules, so that its imports are found.
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const out = mkdtempSync(join(cache, 'zeroid-gate-cli-'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(
    process.execPath,
    [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(out, 'dist')],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )

  function start(args: string[], env = {}, { input = '', node = [] }: StartOptions = {}): Running {
    const child = spawn(process.execPath, [...node, join(out, 'dist/cli.js'), ...args], {
      env: { PATH: process.env.PATH, ...env },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    // A process that refuses its arguments reads no input.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    return {
      process: child,
      stdout: () => stdout,
      stderr: () => stderr,
      ended: new Promise((resolve) => {
        child.on('close', (code) => resolve({ code, stdout, stderr }))
      }),
    }
  }

  return {
    start,
    run: (args, env, options) => start(args, env, options).ended,
    remove: () => rmSync(out, { recursive: true }),
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A folder that is gone when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zg-'))
  onTestFinished(() => {
    if (existsSync(folder)) rmSync(folder, { recursive: true })
  })
  return folder
}

/** The addresses that a sidecar logged at its start. */
export async function listening(running: Running): Promise<{ door: string; admin: string }> {
  const line = await until(() =>
    running
      .stdout()
      .split('\n')
      .find((entry) => entry.includes('"msg":"listening"')),
  )
  return JSON.parse(line)
}

/** Waits until there is something other than undefined and false. */
export async function until<T>(probe: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== null && value !== false) return value
    if (performance.now() > deadline) throw new Error(`waited in vain for ${probe}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
