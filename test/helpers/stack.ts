import { onTestFinished } from 'vitest'
import type { Emulator, EmulatorOptions } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import type { Gate } from '../../src/gate.ts'
import { createGate } from '../../src/gate.ts'
import type { DoorOptions } from '../../src/http/door.ts'
import { createDoor } from '../../src/http/door.ts'
import { listen } from '../../src/http/listen.ts'
import type { Observer } from '../../src/observe/observer.ts'
import type { Verdict } from '../../src/verdict.ts'

/** A gate behind its door. */
export interface OpenDoor {
  readonly gate: Gate
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** `GET /oauth2/token/verify` with these headers. */
  readonly verify: (headers?: Record<string, string>) => Promise<Response>
  /** The same with `Authorization: Bearer token`. */
  readonly present: (token: string) => Promise<Response>
}

/** Opens a door to a gate on a free port; both are closed when the test ends. */
export async function openDoor(
  options: GateOptions,
  doorOptions: Partial<DoorOptions> = {},
): Promise<OpenDoor> {
  const gate = createGate(options)
  const door = createDoor(gate, { fallbackIssuer: options.url, ...doorOptions })
  const url = await listen(door, { host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    door.closeAllConnections()
    door.close()
    await gate.close()
  })
  await gate.started
  const verify = (headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/oauth2/token/verify`, { headers })
  return { gate, url, verify, present: (token) => verify({ authorization: `Bearer ${token}` }) }
}

export interface Stack extends OpenDoor {
  readonly zeroid: Emulator
  /** Asks the engine itself, without HTTP. */
  readonly check: (token: string) => Promise<Verdict>
}

/** An emulator, a gate and a door; all are closed when the test ends. */
export async function startStack(
  options: Partial<GateOptions> = {},
  emulatorOptions: EmulatorOptions = {},
  doorOptions: Partial<DoorOptions> = {},
): Promise<Stack> {
  const zeroid = await startEmulator(emulatorOptions)
  onTestFinished(() => zeroid.close())
  const door = await openDoor({ url: zeroid.url, ...options }, doorOptions)
  return {
    ...door,
    zeroid,
    check: async (token) => await door.gate.check(bearer(token)),
  }
}

/** A request that carries this token. */
export function bearer(token: string): { rawHeaders: string[] } {
  return { rawHeaders: ['Authorization', `Bearer ${token}`] }
}

/** An observer that keeps what it was told, for looking at. */
export function createRecorder(): Observer & {
  readonly notes: { level: string; message: string; fields: unknown }[]
  readonly introspections: string[]
  readonly reloads: string[]
} {
  const notes: { level: string; message: string; fields: unknown }[] = []
  const introspections: string[] = []
  const reloads: string[] = []
  return {
    notes,
    introspections,
    reloads,
    note: (level, message, fields) => void notes.push({ level, message, fields }),
    introspection: (result) => void introspections.push(result),
    keysReloaded: (result) => void reloads.push(result),
  }
}
