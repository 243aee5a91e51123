import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { configFor, isProxyKind, proxyKinds } from '../proxies/index.ts'
import type { ConfigFiles, ProxyOptions } from '../proxies/options.ts'
import {
  defaultOptions,
  OptionError,
  parseBackend,
  parseGate,
  parseListen,
} from '../proxies/options.ts'
import type { CommandLine } from './usage.ts'
import { CommandError, exitCodes, readCommandLine, usage } from './usage.ts'

const flags = ['gate', 'backend', 'listen', 'out'] as const

/**
 * `zeroid-gate config PROXY`: prints a proxy's config, or writes its files.
 *
 * @param args the command line after `config`
 * @param write takes the text; default: standard output
 * @returns exit code
 * @throws CommandError (64) for a wrong command line, (1) where a file cannot be written
 */
export function config(
  args: readonly string[],
  write: (text: string) => void = (text) => void process.stdout.write(text),
): number {
  const line = readCommandLine('config', args, flags, 1)
  const [kind] = line.operands
  if (!isProxyKind(kind)) {
    const given = kind === undefined ? 'no proxy named' : `no proxy ${JSON.stringify(kind)}`
    throw usage('config', `${given}; there are ${proxyKinds.join(', ')}`)
  }
  if (kind === 'compose' || kind === 'kubernetes') refuseAddresses(kind, line)
  const files = reported(() => configFor(kind, optionsOf(line)))
  const out = line.flags.out
  if (out === undefined) write(asOneText(files))
  else for (const name of writeFiles(files, out)) write(`${name}\n`)
  return exitCodes.ok
}

function optionsOf({ flags: given }: CommandLine): ProxyOptions {
  const read = <T>(flag: string, parse: (text: string) => T, fallback: T): T => {
    const text = given[flag]
    if (text === undefined) return fallback
    return reported(() => parse(text), `--${flag} `)
  }
  return {
    gate: read('gate', parseGate, defaultOptions.gate),
    backend: read('backend', parseBackend, defaultOptions.backend),
    listen: read('listen', parseListen, defaultOptions.listen),
  }
}

/** The services of a compose file, and of a cluster, have their own names. */
function refuseAddresses(kind: string, { flags: given }: CommandLine): void {
  const flag = ['gate', 'backend', 'listen'].find((name) => given[name] !== undefined)
  if (flag !== undefined) throw usage('config', `${kind} takes no --${flag}`)
}

function reported<T>(make: () => T, before = ''): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    throw usage('config', `${before}${error.message}`)
  }
}

/** One file as it is; several with a line before each that is a comment in most of them. */
function asOneText(files: ConfigFiles): string {
  const entries = Object.entries(files)
  if (entries.length === 1) return entries.map(([, text]) => text).join('')
  return entries.map(([name, text]) => `# ===== ${name} =====\n${text}`).join('\n')
}

function writeFiles(files: ConfigFiles, folder: string): string[] {
  try {
    return Object.entries(files).map(([name, text]) => {
      const path = join(folder, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
      return path
    })
  } catch (error) {
    const { code, path } = error as { code?: string; path?: string }
    throw new CommandError(`config: cannot write ${path ?? folder} (${code ?? 'error'})`)
  }
}
