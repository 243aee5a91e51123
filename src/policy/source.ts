import type { Clock } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import { parsePolicy } from './document.ts'
import type { Policy } from './policy.ts'
import { PolicyError } from './problems.ts'
import { readText } from './read-text.ts'

/** Rules that follow a file. */
export interface PolicyFile {
  /** The rules in force; undefined as long as the file never could be used. */
  current(): Policy | undefined
  /** What is wrong with the file as it is now; undefined where its rules are in force. */
  problem(): string | undefined
  /** Reads the file now, as it is read by itself every two seconds. Never rejects. */
  reload(): Promise<void>
  close(): void
}

export interface PolicyFileOptions {
  readonly clock: Clock
  /** Told of each read of a changed file, and what an operator should know of it. */
  readonly observer: Observer
}

/** Milliseconds. Read and compared, not watched: a mounted ConfigMap changes by a swapped link. */
const period = 2_000
/**
 * Milliseconds that a change must last. A file that somebody is writing ends early for a moment,
 * and half a route can let more pass than the whole of it.
 */
const settling = 200

/** A file as it was found. */
interface Look {
  readonly text: string | undefined
  /** Why it could not be read. */
  readonly fault: string | undefined
}

/**
 * Follows a policy file. New rules take the place of the old ones at once and whole; a file that
 * cannot be used changes nothing, and says so once.
 *
 * @param path of the file
 * @param options clock, observer
 * @returns when the file was read for the first time, whether it can be used or not
 */
export async function followPolicyFile(
  path: string,
  options: PolicyFileOptions,
): Promise<PolicyFile> {
  const { clock, observer } = options
  let policy: Policy | undefined
  let problem: string | undefined
  /** What was tried last: an unchanged file is neither parsed nor complained about again. */
  let taken: Look | undefined
  let started = 0
  let finished = 0
  let closed = false
  let cancel: () => void = () => {}

  /** @returns undefined where a later look was quicker, or nobody cares any more */
  async function look(): Promise<Look | undefined> {
    started++
    const number = started
    const found = await find(path)
    if (closed || number < finished) return undefined
    finished = number
    return found
  }

  function take(found: Look): void {
    if (isSame(found, taken)) return
    taken = found
    if (found.text === undefined) {
      complain(found.fault ?? '')
      return
    }
    try {
      const next = parsePolicy(found.text, path)
      const first = policy === undefined
      policy = next
      problem = undefined
      observer.policyLoaded?.(true)
      const routes = next.routes.length
      observer.note?.('info', first ? 'policy loaded' : 'policy reloaded', { file: path, routes })
    } catch (error) {
      complain(messageOf(error, path, 'used'))
    }
  }

  function complain(said: string): void {
    observer.policyLoaded?.(false)
    if (said === problem) return
    problem = said
    observer.note?.(
      'error',
      policy === undefined
        ? 'the policy cannot be used; every request is refused with 503'
        : 'the policy cannot be used; the rules of before stay in force',
      { file: path, problem },
    )
  }

  async function reload(): Promise<void> {
    const found = await look()
    if (found !== undefined) take(found)
  }

  async function poll(before: Look | undefined): Promise<void> {
    const found = await look()
    const isNew = found !== undefined && !isSame(found, taken) && !isSame(found, before)
    if (found !== undefined && !isNew) take(found)
    wait(found, isNew ? settling : period)
  }

  function wait(before: Look | undefined, ms: number): void {
    if (!closed) cancel = clock.after(ms, () => void poll(before))
  }

  await reload()
  wait(taken, period)
  return {
    current: () => policy,
    problem: () => problem,
    reload,
    close() {
      closed = true
      cancel()
    },
  }
}

async function find(path: string): Promise<Look> {
  try {
    return { text: await readText(path), fault: undefined }
  } catch (error) {
    return { text: undefined, fault: messageOf(error, path, 'read') }
  }
}

function isSame(a: Look, b: Look | undefined): boolean {
  return a.text === b?.text && a.fault === b?.fault
}

function messageOf(error: unknown, path: string, verb: 'read' | 'used'): string {
  if (error instanceof PolicyError) return error.message
  const { code, name } = error as { code?: string; name?: string }
  return `${path}: cannot be ${verb} (${code ?? name ?? 'error'})`
}
