import { parseArgs } from 'node:util'

/** What the shell is told. 64 and 78 are those of sysexits.h. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** The command line is wrong. */
  usage: 64,
  /** The settings are wrong, so starting again will not help. */
  config: 78,
} as const

/** Ends a command with one line for the user and no stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message)
    this.exitCode = exitCode
  }
}

/** What stood on the command line. */
export interface CommandLine {
  /** Values of the flags given, by name without dashes. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly operands: readonly string[]
}

/**
 * Reads the command line of one command. Every flag takes a value.
 *
 * @param command its name, for messages
 * @param args what came after the name
 * @param flags the flags that it knows, without dashes
 * @param operands how many other words it takes at most
 * @throws CommandError (64) for anything else
 */
export function readCommandLine(
  command: string,
  args: readonly string[],
  flags: readonly string[] = [],
  operands = 0,
): CommandLine {
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'string' } as const]))
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    const surplus = parsed.positionals[operands]
    if (surplus !== undefined) throw new Error(`Unexpected ${JSON.stringify(surplus)}`)
    return { flags: parsed.values, operands: parsed.positionals }
  } catch (error) {
    // Node's own text goes on with advice that does not fit here.
    const [first = ''] = (error as Error).message.split(/\. |\n/)
    throw usage(command, first)
  }
}

/**
 * A flag's port.
 *
 * @param command its name, for messages
 * @param line the command line
 * @param flag without dashes
 * @param fallback where the flag was not given
 * @throws CommandError (64) where it is no port
 */
export function portFlag(
  command: string,
  { flags }: CommandLine,
  flag: string,
  fallback: number,
): number {
  const text = flags[flag]
  if (text === undefined) return fallback
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw usage(command, `--${flag} ${JSON.stringify(text)} is not a port (0 to 65535, 0: any)`)
}

/**
 * A wrong command line.
 *
 * @param command its name
 * @param message what is wrong
 */
export function usage(command: string, message: string): CommandError {
  return new CommandError(
    `${command}: ${message} (see zeroid-gate ${command} --help)`,
    exitCodes.usage,
  )
}
