import type { Server } from 'node:http'
import { systemClock } from '../clock.ts'
import type { Settings } from '../config/table.ts'
import { engineSettings } from '../config/table.ts'
import type { Environment } from '../config.ts'
import { readSettings } from '../config.ts'
import type { GateStatus } from '../gate/status.ts'
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
import type { PolicyFile } from '../policy/source.ts'
import { followPolicyFile } from '../policy/source.ts'
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
  /** Reads the policy file again. */
  reload(): Promise<void>
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
  const observer = combineObservers(metrics.observer, log, extra)
  const gate = createGate({ ...engineSettings(settings), observer })
  const policy =
    settings.policyFile === undefined
      ? undefined
      : await followPolicyFile(settings.policyFile, { clock: systemClock, observer })
  const status = (): GateStatus => withPolicy(gate.status(), policy)
  metrics.follow(status)
  const door = createDoor(gate, {
    resourceMetadata: settings.resourceMetadata,
    emptyHeaders: settings.emptyHeaders,
    fallbackIssuer: settings.issuer ?? settings.url,
    policy,
    dialect: settings.dialect,
  })
  const admin = createAdmin(status, metrics)
  try {
    const adminUrl = await open(admin, settings.adminListen, names.adminListen)
    const url = await open(door, settings.listen, names.listen)
    log.note?.('info', 'listening', { door: url, admin: adminUrl, zeroid: settings.url })
    for (const remark of startRemarks(settings)) log.note?.('warn', remark)
    return {
      gate,
      url,
      adminUrl,
      reload: async () => await policy?.reload(),
      note: (level, message, fields) => log.note?.(level, message, fields),
      async close() {
        await Promise.all([closeGently(door), closeGently(admin)])
        policy?.close()
        await gate.close()
        log.note?.('info', 'stopped')
        log.flush()
      },
    }
  } catch (error) {
    door.close()
    admin.close()
    policy?.close()
    await gate.close()
    throw error
  }
}

/** A policy that never could be loaded lets nobody in; a later fault leaves the old rules. */
function withPolicy(status: GateStatus, policy: PolicyFile | undefined): GateStatus {
  const problem = policy?.problem()
  if (problem === undefined) return status
  const said = `the policy file cannot be used: ${problem}`
  return policy?.current() === undefined
    ? { ...status, ready: false, problems: [...status.problems, said] }
    : { ...status, warnings: [...status.warnings, said] }
}

async function open(server: Server, address: ListenAddress, setting: string): Promise<string> {
  try {
    return await listen(server, address)
  } catch (error) {
    throw listenFault(error, address, setting)
  }
}

/** Milliseconds; the server's write deadline is 15 s, and a new stream takes its time to open. */
const longestRenewal = 12_000

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
  if (settings.signals && settings.streamRenew > longestRenewal) {
    remarks.push(
      `GATE_STREAM_RENEW is ${settings.streamRenew / 1000} s: unless the server's write deadline was raised, a stream is deaf after 15 s and signals come by GATE_SIGNAL_POLL alone`,
    )
  }
  if (settings.onUnknown === 'allow') {
    remarks.push('GATE_ON_UNKNOWN=allow: while ZeroID is away, revoked agents may pass')
  }
  if (!settings.dpop) {
    remarks.push(
      'GATE_DPOP=off: a token that is bound to a key passes without a proof, also stolen',
    )
  }
  return remarks
}

/**
 * `zeroid-gate serve`: runs until SIGTERM or SIGINT. SIGHUP reads the policy file again, where there
 * is one.
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
  let reload = (): void => {}
  // From the first moment on: without a listener the signal ends the process.
  if (settings.policyFile !== undefined) process.on('SIGHUP', () => reload())
  const sidecar = await startSidecar(settings)
  exitOnFault(({ name, stack }) => {
    const detail = settings.logLevel === 'debug' ? { stack } : undefined
    sidecar.note('error', 'internal error, stopped', { error: name, ...detail })
  })
  reload = () => void sidecar.reload()
  await ended
  await sidecar.close()
  return exitCodes.ok
}
