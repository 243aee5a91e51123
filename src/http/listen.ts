import { existsSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:net'
import { connect } from 'node:net'

/** Where a server listens: a host and port, or a unix socket. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }

/**
 * Starts to listen; resolves when connections are accepted. A socket file that a dead process left
 * behind is removed; one that still answers is an error.
 *
 * @param server any net or http server
 * @param address where
 * @returns the address as people write it: `http://host:port` or `unix:/path`
 * @throws the system's error (`EADDRINUSE`, `EACCES`, …)
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  if ('path' in address) await removeStaleSocket(address.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return `unix:${bound ?? ''}`
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  return `http://${host}:${bound.port}`
}

async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path) || !lstatSync(path).isSocket()) return
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (!answers) unlinkSync(path)
}
