import type { AddressInfo } from 'node:net'
import type { GateOptions } from '../../../src/gate/options.ts'
import { importBuilt } from '../built.ts'
import { serveCalls } from './calls.ts'

/**
 * Gate and door in a process that tells how many tokens it remembers, for weighing its memory.
 */

type GateModule = typeof import('../../../src/gate.ts')
type DoorModule = typeof import('../../../src/http/door.ts')

const options = JSON.parse(process.argv[2] ?? '') as GateOptions
const { createGate } = await importBuilt<GateModule>('gate.js')
const { createDoor } = await importBuilt<DoorModule>('http/door.js')
const gate = createGate(options)
await gate.started
const door = createDoor(gate, { fallbackIssuer: options.url })
door.listen(0, '127.0.0.1', () => {
  const { port } = door.address() as AddressInfo
  serveCalls({ remembered: () => gate.status().tokens }, { url: `http://127.0.0.1:${port}` })
})
