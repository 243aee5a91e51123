import type { Settings } from '../config/table.ts'
import { engineSettings } from '../config/table.ts'
import type { Environment } from '../config.ts'
import { readSettings } from '../config.ts'
import type { Gate } from '../gate.ts'
import { createGate } from '../gate.ts'
import type { IntrospectionResult } from '../observe/observer.ts'
import { PolicyError, parsePolicy } from '../policy/document.ts'
import type { Route } from '../policy/policy.ts'
import { readText } from '../policy/read-text.ts'
import type { Verdict } from '../verdict.ts'
import { readToken } from './explain/input.ts'
import { report } from './explain/report.ts'
import type { Routing } from './explain/route.ts'
import { routeLines, routingOf, verdictAt, withoutToken } from './explain/route.ts'
import type { CommandLine } from './usage.ts'
import { CommandError, exitCodes, readCommandLine, usage } from './usage.ts'

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
  const { flags, operands } = readCommandLine('explain', args, ['method', 'preflight', 'url'], 1)
  const lonely = ['method', 'preflight'].find((flag) => flags[flag] !== undefined)
  if (lonely !== undefined && flags.url === undefined) {
    throw usage('explain', `--${lonely} needs --url`)
  }
  const settings = readSettings(env)
  const routing = await readRouting(settings, flags)
  const decided = routing && withoutToken(routing)
  if (routing !== undefined && decided !== undefined) {
    print([...routeLines(routing), decided.line])
    return decided.exitCode
  }
  const token = await readToken(operands[0])
  let introspection: IntrospectionResult | undefined
  const gate = createGate({
    ...engineSettings(settings),
    observer: {
      introspection(result) {
        introspection = result
      },
    },
  })
  try {
    const route = routing?.match.kind === 'route' ? routing.match.route : undefined
    const said = await check(gate, token, route)
    const verdict = route === undefined ? said : verdictAt(said, route, settings.dpop)
    const status = gate.status()
    const findings = { token, verdict, status, settings, introspection, now: Date.now(), route }
    print([...(routing === undefined ? [] : routeLines(routing)), ...report(findings)])
    return verdictCodes[verdict.outcome]
  } finally {
    await gate.close()
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** @returns the rules and the request; undefined where no request was named */
async function readRouting(
  { policyFile }: Settings,
  { url, preflight, method = preflight === undefined ? 'GET' : 'OPTIONS' }: CommandLine['flags'],
): Promise<Routing | undefined> {
  if (url === undefined) return undefined
  if (preflight !== undefined && method !== 'OPTIONS') {
    const given = JSON.stringify(method)
    throw usage('explain', `--method ${given} is no method of a preflight, which is OPTIONS`)
  }
  if (policyFile === undefined) throw usage('explain', '--url needs GATE_POLICY_FILE')
  try {
    return routingOf(parsePolicy(await readText(policyFile), policyFile), url, method, preflight)
  } catch (error) {
    if (error instanceof PolicyError) throw new CommandError(error.message, exitCodes.config)
    const { code } = error as { code?: string }
    if (code === undefined) throw error
    const message = `GATE_POLICY_FILE: ${JSON.stringify(policyFile)} cannot be read (${code})`
    throw new CommandError(message, exitCodes.config)
  }
}

/** The first sight of a token may open its tenant's feed, which may know more a moment later. */
async function check(gate: Gate, token: string, route: Route | undefined): Promise<Verdict> {
  // A proof is good for one request, and none is at hand.
  const freshness = route?.shadow ? undefined : route?.freshness
  const terms = gate.terms({ ...freshness, proof: 'off' })
  const request = { rawHeaders: ['Authorization', `Bearer ${token}`] }
  await gate.started
  await feedsOpened(gate)
  const first = await gate.check(request, terms)
  if (first.outcome === 'deny') return first
  return (await feedsOpened(gate)) ? await gate.check(request, terms) : first
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
