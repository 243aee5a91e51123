/** A fault that nobody caught. */
export interface Fault {
  /** The error's name and code: its message could quote what it failed on. */
  readonly name: string
  /** Message and stack; for developers only. */
  readonly stack: string
}

/**
 * Ends the process (exit code 1) at the first exception or rejection that nobody caught: in an
 * undefined state no verdict may be given. The last reporter named is the one that is told.
 *
 * @param report tells the user; must be synchronous
 */
export function exitOnFault(report: (fault: Fault) => void): void {
  process.setUncaughtExceptionCaptureCallback(null)
  process.setUncaughtExceptionCaptureCallback((error: unknown) => {
    // A reader such as `head` that has seen enough is no fault.
    if (codeOf(error) !== 'EPIPE') report(describe(error))
    process.exit(1)
  })
}

/** One line on standard error; the stack only where it is asked for. */
export function faultOnStderr(debug: boolean): (fault: Fault) => void {
  return ({ name, stack }) => {
    const more = debug ? stack : 'GATE_LOG_LEVEL=debug shows the stack'
    process.stderr.write(`zeroid-gate: internal error (${name}), stopped; ${more}\n`)
  }
}

function describe(error: unknown): Fault {
  if (!(error instanceof Error)) return { name: typeof error, stack: 'no stack' }
  const code = codeOf(error)
  return {
    name: code === undefined ? error.name : `${error.name} ${code}`,
    stack: error.stack ?? error.message,
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
