import type { Probe } from './probe.ts'
import { bypassProbes } from './probes/bypass.ts'
import { forgeryProbes } from './probes/forgery.ts'
import { refusalProbes } from './probes/refusals.ts'
import { trafficProbes } from './probes/traffic.ts'

/** The one list: `zeroid-gate doctor` and the end-to-end tests run it. */
export const probes: readonly Probe[] = [
  ...refusalProbes,
  ...forgeryProbes,
  ...bypassProbes,
  ...trafficProbes,
]
