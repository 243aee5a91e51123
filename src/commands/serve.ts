import type { Server } from 'node:http'
import type { Settings } from '../config/table.ts'
import type { Environment } from '../config.ts'
import { readSettings } from '../config.ts'
import type { Gate } from '../gate.ts'
import { createGate } from '../gate.ts'
import { createAdmin } from '../http/admin.ts'
import { createDoor } from '../http/door.ts'
import type { ListenAddress } from '../http/listen.ts'
import { listen } from '../http/listen.ts'
import { createLog } from '../observe/log.ts'
import { createMetrics } from '../observe/metrics.ts'
import type { Observer } from '../observe/observer.ts'
import { combineObservers } from '../observe/observer.ts'
import { exitOnFault } from './fault.ts'
import { listenFault } from './listen-fault.ts'
import { closeGently, untilSignal } from './shutdown.ts'
import { exitCodes, readCommandLine } from './usage.ts'

/** A running sidecar. */
export interface Sidecar {
  readonly gate: Gate
  /** Where the door listens: `http://host:port` or `unix:/path`. */
  readonly url: string
  readonly adminUrl: string
  /** Writes a line to the log. */
  readonly note: NonNullable<Observer['note']>
  /** Stops accepting, finishes what is under way, closes. */
  close(): Promise<void>
}

/** What chooses the two addresses, for messages. */
export interface AddressNames {
  readonly listen: string
  readonly adminListen: string
}

const settingNames: AddressNames = { listen: 'GATE_LISTEN', adminListen: 'GATE_ADMIN_LISTEN' }

/**
 * Starts gate, door and admin server. It does not wait for ZeroID: a server that is away makes the
 * gate not ready, not dead.
 *
 * @param settings in force
 * @param extra a further observer
 * @param names what chooses the addresses; default: the settings
 * @throws CommandError where a port or socket cannot be had
 */
export async function startSidecar(
  settings: Settings,
  extra: Observer = {},
  names: AddressNames = settingNames,
): Promise<Sidecar> {
  const log = createLog({ level: settings.logLevel, format: settings.logFormat })
  const metrics = createMetrics()
  const gate = createGate({
    ...settings,
    observer: combineObservers(metrics.observer, log, extra),
  })
  metrics.follow(gate.status)
  const door = createDoor(gate, {
    resourceMetadata: settings.resourceMetadata,
    emptyHeaders: settings.emptyHeaders,
    fallbackIssuer: settings.issuer ?? settings.url,
  })
  const admin = createAdmin(gate, metrics)
  try {
    const adminUrl = await open(admin, settings.adminListen, names.adminListen)
    const url = await open(door, settings.listen, names.listen)
    log.note?.('info', 'listening', { door: url, admin: adminUrl, zeroid: settings.url })
    for (const remark of startRemarks(settings)) log.note?.('warn', remark)
    return {
      gate,
      url,
      adminUrl,
      note: (level, message, fields) => log.note?.(level, message, fields),
      async close() {
        await Promise.all([closeGently(door), closeGently(admin)])
        await gate.close()
        log.note?.('info', 'stopped')
        log.flush()
      },
    }
  } catch (error) {
    door.close()
    admin.close()
    await gate.close()
    throw error
  }
}

async function open(server: Server, address: ListenAddress, setting: string): Promise<string> {
  try {
    return await listen(server, address)
  } catch (error) {
    throw listenFault(error, address, setting)
  }
}

/** What somebody who copied a config should know at once. */
function startRemarks(settings: Settings): string[] {
  const remarks: string[] = []
  if (settings.audience === undefined)
    remarks.push('GATE_AUDIENCE is not set: `aud` is not checked')
  if (settings.tenants === 'auto') {
    remarks.push('ZEROID_TENANTS=auto: tokens of any tenant of the issuer are let in')
  }
  if (!settings.signals) {
    remarks.push(`GATE_SIGNALS=off: a revocation is seen within ${settings.maxStaleness / 1000} s`)
  }
  if (settings.onUnknown === 'allow') {
    remarks.push('GATE_ON_UNKNOWN=allow: while ZeroID is away, revoked agents may pass')
  }
  return remarks
}

/**
 * `zeroid-gate serve`: runs until SIGTERM or SIGINT.
 *
 * @param args the command line after `serve`
 * @param env the environment
 * @returns the exit code
 * @throws SettingsError where the settings cannot be used
 */
export async function serve(args: readonly string[], env: Environment): Promise<number> {
  readCommandLine('serve', args)
  const settings = readSettings(env)
  const ended = untilSignal()
  const sidecar = await startSidecar(settings)
  exitOnFault(({ name, stack }) => {
    const detail = settings.logLevel === 'debug' ? { stack } : undefined
    sidecar.note('error', 'internal error, stopped', { error: name, ...detail })
  })
  await ended
  await sidecar.close()
  return exitCodes.ok
}
