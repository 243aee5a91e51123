import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** A helper's program in a process of its own; `T` is the message that it sends when it is ready. */
export interface Forked<T> {
  readonly started: T
  /** Sends it a message and waits for its answer. */
  readonly tell: (message: string | number) => Promise<unknown>
}

/**
 * Starts a program of this folder; it ends with the test.
 *
 * @param name the file's name
 * @param argument its `process.argv[2]`
 */
export async function forkHelper<T>(name: string, argument: string | number): Promise<Forked<T>> {
  const path = fileURLToPath(new URL(`./${name}`, import.meta.url))
  const child = fork(path, [String(argument)], { execArgv: ['--import', 'tsx'] })
  onTestFinished(() => void child.kill())
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', (code) => reject(new Error(`the server ended: ${code}`)))
    })
  const started = (await next()) as T
  return {
    started,
    async tell(message) {
      child.send(message)
      return await next()
    },
  }
}
