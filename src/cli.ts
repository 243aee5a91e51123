#!/usr/bin/env node
import { exitOnFault, faultOnStderr } from './commands/fault.ts'
import { helpOf, overview, version } from './commands/help.ts'
import { CommandError, exitCodes } from './commands/usage.ts'
import { SettingsError } from './errors.ts'

/** Loads only what the command needs: a health check runs every few seconds. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command, ...rest] = args
  if (command === undefined || command === 'help' || isHelp(command)) {
    return print(helpOf(rest[0]) ?? overview())
  }
  if (command === '--version') return print(version())
  const help = helpOf(command)
  if (help !== undefined && rest.some(isHelp)) return print(help)
  switch (command) {
    case 'serve':
      return (await import('./commands/serve.ts')).serve(rest, env)
    case 'dev':
      return (await import('./commands/dev.ts')).dev(rest)
    case 'demo':
      return (await import('./commands/demo.ts')).demo(rest)
    case 'explain':
      return (await import('./commands/explain.ts')).explain(rest, env)
    case 'config':
      return (await import('./commands/config.ts')).config(rest)
    case 'doctor':
      return (await import('./commands/doctor.ts')).doctor(rest)
    case 'policy':
      return (await import('./commands/policy.ts')).policy(rest, env)
    case 'healthcheck':
      return (await import('./commands/healthcheck.ts')).healthcheck(rest, env)
    default:
      throw new CommandError(
        `no command ${JSON.stringify(command)}\n\n${overview()}`,
        exitCodes.usage,
      )
  }
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return exitCodes.ok
}

function complain(error: unknown): number {
  if (error instanceof SettingsError) {
    const lines = error.problems.map(({ setting, message }) => `  ${setting}: ${message}`)
    process.stderr.write(`zeroid-gate: the settings cannot be used\n${lines.join('\n')}\n`)
    return exitCodes.config
  }
  const { code, message } = error as { code?: string; message?: string }
  process.stderr.write(`zeroid-gate: ${message || code || 'failed'}\n`)
  return error instanceof CommandError ? error.exitCode : exitCodes.failed
}

exitOnFault(faultOnStderr(process.env.GATE_LOG_LEVEL === 'debug'))
process.exitCode = await run(process.argv.slice(2), process.env).catch(complain)
