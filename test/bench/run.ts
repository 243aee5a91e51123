import { keepBuild } from './built.ts'
import type { Part } from './report.ts'
import { missed, print, save } from './report.ts'
import { scenarios } from './scenarios/index.ts'

/**
 * `npm run bench -- [scenario …] [--quick] [--strict]`
 *
 * Measures the built gate beside the least that could do the same work: a bare server that sends
 * the same bytes, a bare server that checks the same signature. Ratios hold on any machine, so the
 * targets that count are ratios.
 */

const args = process.argv.slice(2)
const flags = args.filter((arg) => arg.startsWith('--'))
const names = args.filter((arg) => !arg.startsWith('--'))
const strangers = [
  ...flags.filter((flag) => !['--quick', '--strict'].includes(flag)),
  ...names.filter((name) => !scenarios.some((scenario) => scenario.name === name)),
]
if (strangers.length > 0) {
  console.error(`no such argument: ${strangers.join(', ')}`)
  console.error(`scenarios: ${scenarios.map(({ name }) => name).join(', ')}; --quick, --strict`)
  process.exit(64)
}

keepBuild()
const effort = flags.includes('--quick') ? { rounds: 3, scale: 0.2 } : { rounds: 5, scale: 1 }
const parts: Part[] = []
for (const scenario of scenarios) {
  if (names.length > 0 && !names.includes(scenario.name)) continue
  const part = {
    scenario: scenario.name,
    title: scenario.title,
    rows: await scenario.run(effort),
  }
  print(part)
  parts.push(part)
}
save(parts)

const failed = missed(parts)
if (failed.length > 0) console.log(`targets missed: ${failed.map(({ what }) => what).join('; ')}`)
process.exit(failed.length > 0 && flags.includes('--strict') ? 1 : 0)
