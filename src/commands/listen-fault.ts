import { existsSync, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ListenAddress } from '../http/listen.ts'
import { CommandError } from './usage.ts'

/**
 * Turns the system's error of a failed `listen` into a line that says what to do.
 *
 * @param error what was thrown
 * @param address where it should have listened
 * @param setting what chooses the address: `GATE_LISTEN`, `--port`
 * @returns an error for the user; the given one where it is of another kind
 */
export function listenFault(error: unknown, address: ListenAddress, setting: string): unknown {
  const { code = '' } = error as { code?: string }
  const reason = 'path' in address ? socketReason(code, address.path) : portReason(code)
  if (reason === undefined) return error
  const where = 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`
  return new CommandError(`cannot listen on ${where}: ${reason} (${setting} chooses the address)`)
}

function portReason(code: string): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is in use; stop what listens there or choose another port'
    case 'EACCES':
      return 'no permission for this port; choose one above 1023'
    case 'EADDRNOTAVAIL':
      return 'this host has no such address'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved'
    default:
      return undefined
  }
}

function socketReason(code: string, path: string): string | undefined {
  // libuv reports a folder that is not there as EACCES.
  if (code === 'EACCES' && !existsSync(dirname(path))) return 'its folder does not exist'
  switch (code) {
    case 'EADDRINUSE':
      return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false
        ? 'another file stands there; remove it or choose another path'
        : 'another process listens there; stop it or choose another path'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'no permission to write there; make its folder writable for this user'
    case 'ENOTDIR':
      return 'its folder is no folder'
    case 'EINVAL':
    case 'ENAMETOOLONG':
      return 'the path is too long for a socket; choose one under 100 bytes'
    default:
      return undefined
  }
}
