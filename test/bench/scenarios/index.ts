import type { Scenario } from '../scenario.ts'
import { adapters } from './adapters.ts'
import { cold } from './cold.ts'
import { cut } from './cut.ts'
import { marks } from './marks.ts'
import { memory } from './memory.ts'
import { revocationLag } from './revocation-lag.ts'
import { rules } from './rules.ts'
import { start } from './start.ts'
import { warmCheck } from './warm-check.ts'
import { warmDoor } from './warm-door.ts'

/** All scenarios, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  warmDoor,
  warmCheck,
  rules,
  adapters,
  cold,
  memory,
  start,
  marks,
  revocationLag,
  cut,
]
