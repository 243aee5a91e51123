import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { builtPath } from './built.ts'

/**
 * Processes of their own: each server has one, so that its CPU time is its own. Nothing of the
 * load or of the server asked by the gate is in the figure.
 */

/** Bytes, after a collection where the process exposes one. */
export interface MemoryUse {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
}

export interface Child {
  readonly pid: number
  /** What it said when it was ready. */
  readonly started: Readonly<Record<string, unknown>>
  /** Microseconds of CPU that the process has used, all threads, user and system. */
  cpu(): Promise<number>
  memory(): Promise<MemoryUse>
  /** Calls one of its functions. */
  call<T>(name: string, ...args: readonly unknown[]): Promise<T>
  stop(): Promise<void>
}

const probe = new URL('servers/probe.js', import.meta.url).href

/**
 * Starts one of `servers/*.ts` and waits until it is ready.
 *
 * @param name the file's name without its ending
 * @param settings the child's `process.argv[2]`, as JSON
 * @param flags for Node
 */
export async function startServer(
  name: string,
  settings: unknown = {},
  flags: readonly string[] = [],
): Promise<Child> {
  const path = fileURLToPath(new URL(`servers/${name}.ts`, import.meta.url))
  const child = fork(path, [JSON.stringify(settings)], {
    // tsx turns the small server itself into JavaScript; built code it leaves as it is.
    execArgv: [...flags, '--import', 'tsx', '--import', probe],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const started = new Promise<Readonly<Record<string, unknown>>>((resolve) => {
    child.on('message', (message: { ready?: Record<string, unknown> }) => {
      if (message.ready !== undefined) resolve(message.ready)
    })
  })
  return asChild(child, await alive(child, started))
}

/**
 * Starts `zeroid-gate serve` as a user does, on free ports, and waits until it is ready.
 *
 * @param env settings
 * @param flags for Node
 * @returns the process; `started.url` is the door, `started.adminUrl` the admin server
 */
export async function startGate(
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<Child & { readonly url: string; readonly adminUrl: string }> {
  const { url, adminUrl, env: own } = await gateEnvironment(env)
  const child = fork(builtPath('cli.js'), ['serve'], {
    execArgv: [...flags, '--import', probe],
    env: own,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  // Read as a container's runtime reads it, so that the pipe never fills.
  child.stdout?.resume()
  await alive(child, ready(adminUrl))
  return { ...asChild(child, { url, adminUrl }), url, adminUrl }
}

/** Settings of a gate on free ports, none of them inherited. */
export async function gateEnvironment(
  env: Readonly<Record<string, string>>,
): Promise<{ url: string; adminUrl: string; env: NodeJS.ProcessEnv }> {
  const rest = Object.entries(process.env).filter(([name]) => !/^(GATE|ZEROID|NODE)_/.test(name))
  const door = await freeAddress()
  const admin = await freeAddress()
  return {
    url: `http://${door}`,
    adminUrl: `http://${admin}`,
    env: { ...Object.fromEntries(rest), GATE_LISTEN: door, GATE_ADMIN_LISTEN: admin, ...env },
  }
}

async function freeAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `127.0.0.1:${port}`
}

/** Waits for `GET /ready` to answer 200. @throws after ten seconds, with what keeps it */
export async function ready(adminUrl: string, pause = 25): Promise<void> {
  let last = 'it does not listen'
  for (const until = performance.now() + 10_000; performance.now() < until; ) {
    try {
      const answer = await fetch(`${adminUrl}/ready`)
      last = await answer.text()
      if (answer.status === 200) return
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  throw new Error(`the gate does not get ready: ${last}`)
}

/**
 * Milliseconds that a process's main thread was ready to work and no core was free, so far: what
 * the machine added to its figures. `NaN` where the system does not tell (it does on Linux).
 */
export function coreWait(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    return Number.NaN
  }
}

/** Ends a process and waits for its end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

async function alive<T>(child: ChildProcess, started: Promise<T>): Promise<T> {
  const died = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${child.spawnfile} ended with ${code}`)))
  })
  died.catch(() => {})
  return await Promise.race([started, died])
}

function asChild(child: ChildProcess, started: Readonly<Record<string, unknown>>): Child {
  const waiting = new Map<number, { resolve: (v: never) => void; reject: (e: Error) => void }>()
  let serial = 0

  child.on('message', (message: { id?: number; value?: never; error?: string }) => {
    const call = waiting.get(message.id ?? -1)
    if (call === undefined) return
    waiting.delete(message.id ?? -1)
    if (message.error === undefined) call.resolve(message.value as never)
    else call.reject(new Error(message.error))
  })
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process ended'))
  })

  function call<T>(ask: string, ...args: readonly unknown[]): Promise<T> {
    const id = ++serial
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      child.send({ id, ask, args })
    })
  }

  return {
    pid: child.pid ?? -1,
    started,
    cpu: () => call<number>('cpu'),
    memory: () => call<MemoryUse>('memory'),
    call,
    stop: () => end(child),
  }
}
