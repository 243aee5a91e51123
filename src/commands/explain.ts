import type { Environment } from '../config.ts'
import { readSettings } from '../config.ts'
import type { Gate } from '../gate.ts'
import { createGate } from '../gate.ts'
import type { IntrospectionResult } from '../observe/observer.ts'
import type { Verdict } from '../verdict.ts'
import { readToken } from './explain/input.ts'
import { report } from './explain/report.ts'
import { readCommandLine } from './usage.ts'

/** Milliseconds for the first list of signals. */
const feedPatience = 3_000
const verdictCodes = { allow: 0, deny: 1, unknown: 2 } as const

/**
 * `zeroid-gate explain`: what the gate says of one token, and why. The verdict is the gate's own.
 *
 * @param args the command line after `explain`
 * @param env the environment, as for `serve`
 * @returns exit code: 0 allowed, 1 denied, 2 unknown
 * @throws CommandError (64) without a token, SettingsError where the settings cannot be used
 */
export async function explain(args: readonly string[], env: Environment): Promise<number> {
  const { operands } = readCommandLine('explain', args, [], 1)
  const token = await readToken(operands[0])
  const settings = readSettings(env)
  let introspection: IntrospectionResult | undefined
  const gate = createGate({
    ...settings,
    observer: {
      introspection(result) {
        introspection = result
      },
    },
  })
  try {
    const verdict = await check(gate, token)
    const status = gate.status()
    const lines = report({ token, verdict, status, settings, introspection, now: Date.now() })
    process.stdout.write(`${lines.join('\n')}\n`)
    return verdictCodes[verdict.outcome]
  } finally {
    await gate.close()
  }
}

/** The first sight of a token may open its tenant's feed, which may know more a moment later. */
async function check(gate: Gate, token: string): Promise<Verdict> {
  const request = { rawHeaders: ['Authorization', `Bearer ${token}`] }
  await gate.started
  await feedsOpened(gate)
  const first = await gate.check(request)
  if (first.outcome === 'deny') return first
  return (await feedsOpened(gate)) ? await gate.check(request) : first
}

/** @returns whether there was anything to wait for */
async function feedsOpened(gate: Gate): Promise<boolean> {
  const opening = (): boolean => gate.status().tenants.some(({ state }) => state === 'connecting')
  if (!opening()) return false
  const until = performance.now() + feedPatience
  while (opening() && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return true
}
