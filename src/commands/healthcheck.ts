import { request } from 'node:http'
import type { Environment } from '../config.ts'
import { readSettings } from '../config.ts'
import type { ListenAddress } from '../http/listen.ts'
import { exitCodes, readCommandLine } from './usage.ts'

/**
 * `zeroid-gate healthcheck`: asks the admin server of this container whether it is ready.
 *
 * @param args the command line after `healthcheck`
 * @param env the environment of the sidecar
 * @returns exit code: 0 ready, 1 not
 */
export async function healthcheck(args: readonly string[], env: Environment): Promise<number> {
  readCommandLine('healthcheck', args)
  const { adminListen } = readSettings(env)
  const { status, body } = await ask(adminListen)
  process.stdout.write(`${body}\n`)
  return status === 200 ? exitCodes.ok : exitCodes.failed
}

function ask(address: ListenAddress): Promise<{ status: number; body: string }> {
  const target =
    'path' in address
      ? { socketPath: address.path }
      : { host: reachable(address.host), port: address.port }
  return new Promise((resolve) => {
    const call = request({ ...target, path: '/ready', timeout: 3_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    call.on('timeout', () => call.destroy())
    call.on('error', (error) => resolve({ status: 0, body: `not reachable: ${error.message}` }))
    call.end()
  })
}

/** What listens on every address is reached on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
