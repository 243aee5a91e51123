import { readSettings } from '../config.ts'
import type { Emulator } from '../emulator/index.ts'
import { startEmulator } from '../emulator/index.ts'
import type { Observer } from '../observe/observer.ts'
import { listenFault } from './listen-fault.ts'
import type { Sidecar } from './serve.ts'
import { startSidecar } from './serve.ts'

/** An in-memory ZeroID and a gate before it, in this process. */
export interface Trial {
  readonly zeroid: Emulator
  readonly sidecar: Sidecar
  close(): Promise<void>
}

/** Ports on loopback; 0 is any free one. */
export interface TrialPorts {
  readonly zeroid: number
  readonly gate: number
  readonly admin: number
}

/** The tenant of a trial. */
export const tenant = { account: 'acct-demo', project: 'proj-demo' } as const
/** `GATE_MAX_STALENESS` of a trial: short, so that somebody who watches sees it end. */
export const maxStaleness = { text: '2s', ms: 2_000 } as const

const host = '127.0.0.1'
const names = { listen: '--gate-port', adminListen: '--admin-port' } as const

/**
 * Starts both, the gate with the defaults of `serve` but a short bound and no log.
 *
 * @param ports where they listen
 * @param observer told what the gate does
 * @returns when the gate is ready
 * @throws CommandError where a port cannot be had
 */
export async function startTrial(ports: TrialPorts, observer: Observer): Promise<Trial> {
  const zeroid = await startEmulator({ port: ports.zeroid, host }).catch((error: unknown) => {
    throw listenFault(error, { host, port: ports.zeroid }, '--port')
  })
  const settings = readSettings({
    ZEROID_URL: zeroid.url,
    ZEROID_TENANTS: `${tenant.account}/${tenant.project}`,
    GATE_LISTEN: `${host}:${ports.gate}`,
    GATE_ADMIN_LISTEN: `${host}:${ports.admin}`,
    GATE_MAX_STALENESS: maxStaleness.text,
    GATE_LOG_LEVEL: 'silent',
  })
  try {
    const sidecar = await startSidecar(settings, observer, names)
    await ready(sidecar)
    return {
      zeroid,
      sidecar,
      async close() {
        await sidecar.close()
        await zeroid.close()
      },
    }
  } catch (error) {
    await zeroid.close()
    throw error
  }
}

/** The first list of signals may come a little after the keys. */
async function ready({ gate }: Sidecar): Promise<void> {
  await gate.started
  for (let left = 500; left > 0 && !gate.status().ready; left--) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
