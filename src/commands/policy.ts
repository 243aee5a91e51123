import type { Environment } from '../config.ts'
import type { Inspection, Remark } from '../policy/check.ts'
import { inspectPolicy } from '../policy/check.ts'
import { PolicyError, parsePolicy, policySchema } from '../policy/document.ts'
import { readText } from '../policy/read-text.ts'
import type { Dialect } from '../request/dialect.ts'
import { dialects } from '../request/dialect.ts'
import type { Case } from './policy/case.ts'
import { titleOf } from './policy/case.ts'
import { readCases } from './policy/cases.ts'
import type { CaseVerdict } from './policy/verdict.ts'
import { judgeCase } from './policy/verdict.ts'
import { exitCodes, readCommandLine, usage } from './usage.ts'

type Write = (text: string) => void
const print: Write = (text) => void process.stdout.write(text)

/**
 * `zeroid-gate policy check|test|schema`: looks at rules without a gate.
 *
 * @param args the command line after `policy`
 * @param env the environment: settings of the gate that rules are checked for
 * @param write takes the text; default: standard output
 * @returns exit code: 0 fine, 1 something is wrong
 * @throws CommandError (64) for a wrong command line or a file that cannot be read
 */
export async function policy(
  args: readonly string[],
  env: Environment,
  write: Write = print,
): Promise<number> {
  const [what, ...rest] = args
  if (what === 'check') return await check(rest, env, write)
  if (what === 'test') return await test(rest, write)
  if (what !== 'schema') {
    throw usage(
      'policy',
      `${what === undefined ? 'nothing' : JSON.stringify(what)} to do; there are check, test and schema`,
    )
  }
  readCommandLine('policy', rest)
  write(`${JSON.stringify(policySchema(), undefined, 2)}\n`)
  return exitCodes.ok
}

async function check(args: readonly string[], env: Environment, write: Write): Promise<number> {
  const line = readCommandLine('policy', args, ['dialect'], 1)
  const file = operand(line.operands[0], 'check FILE')
  const dialect =
    dialectOf('--dialect', line.flags.dialect) ??
    dialectOf('GATE_DIALECT', env.GATE_DIALECT || undefined)
  const signals = env.GATE_SIGNALS ? env.GATE_SIGNALS === 'on' : undefined
  const text = await read(file)
  return reported(write, () => {
    const rules = parsePolicy(text, file)
    const found = inspectPolicy(rules, { dialect, signals })
    write(remarkLines(file, found).join(''))
    const { errors, warnings } = found
    const problems = counted(errors.length, 'problem')
    write(
      `${counted(rules.routes.length, 'route')}, ${problems}, ${counted(warnings.length, 'warning')}\n`,
    )
    return errors.length === 0 ? exitCodes.ok : exitCodes.failed
  })
}

async function test(args: readonly string[], write: Write): Promise<number> {
  const { operands } = readCommandLine('policy', args, [], 2)
  const file = operand(operands[0], 'test FILE CASES')
  const table = operand(operands[1], 'test FILE CASES')
  const [text, cases] = [await read(file), await read(table)]
  return reported(write, () => {
    const rules = parsePolicy(text, file)
    let failed = 0
    const all = readCases(cases, table)
    for (const given of all) {
      const verdict = judgeCase(rules, given)
      const good = isExpected(given, verdict)
      if (!good) failed++
      write(caseLine(given, verdict, good))
    }
    write(`${all.length - failed} passed, ${failed} failed\n`)
    return failed === 0 ? exitCodes.ok : exitCodes.failed
  })
}

function isExpected({ expect, route, scopes }: Case, verdict: CaseVerdict): boolean {
  const { says } = verdict
  if (route !== undefined && route !== verdict.route) return false
  if (typeof says === 'string') return expect === says && scopes === undefined
  if (scopes !== undefined && says.scopes?.join(' ') !== scopes.join(' ')) return false
  const said: readonly (string | number)[] = [
    says.status,
    String(says.status),
    says.code,
    says.reason,
  ]
  return said.includes(expect)
}

function caseLine(given: Case, { says, route, shadow }: CaseVerdict, good: boolean): string {
  const title = given.name ?? titleOf(given.request)
  const hidden = shadow === undefined ? '' : `, in shadow: else ${shadow.status} ${shadow.reason}`
  const decided = route === undefined ? 'no route' : `route ${route}${hidden}`
  const came = typeof says === 'string' ? says : `${says.status} ${says.reason}${missing(says)}`
  const wanted = good ? '' : `, expected ${given.expect}${wantedMore(given)}`
  return `${good ? 'ok    ' : 'FAILED'}  ${title}: ${came} (${decided})${wanted}\n`
}

function missing({ scopes }: { readonly scopes?: readonly string[] }): string {
  return scopes === undefined ? '' : ` ${scopes.join(' ')}`
}

function wantedMore({ route, scopes }: Case): string {
  const scope = scopes === undefined ? '' : ` of ${scopes.join(' ')}`
  return `${scope}${route === undefined ? '' : ` at route ${route}`}`
}

function remarkLines(file: string, { errors, warnings }: Inspection): string[] {
  const lines = (remarks: readonly Remark[], kind: string): string[] =>
    remarks.map(({ position, name, message }) => {
      const where = position === undefined ? '' : `:${position.line}:${position.column}`
      return `${file}${where}: ${kind}: ${name === undefined ? '' : `${name} `}${message}\n`
    })
  return [...lines(errors, 'error'), ...lines(warnings, 'warning')]
}

/** A file that cannot be used is what these commands are for: its problems are their result. */
function reported(write: Write, work: () => number): number {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    for (const { message } of error.problems) write(`${message}\n`)
    write(`${counted(error.problems.length, 'problem')}\n`)
    return exitCodes.failed
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readText(file)
  } catch (error) {
    if (error instanceof PolicyError) throw usage('policy', error.message)
    const { code } = error as { code?: string }
    throw usage('policy', `${JSON.stringify(file)} cannot be read (${code ?? 'error'})`)
  }
}

function operand(value: string | undefined, form: string): string {
  if (value === undefined) throw usage('policy', `no file named: policy ${form}`)
  return value
}

/** @param source the flag or the variable, for messages */
function dialectOf(source: string, text: string | undefined): Dialect | undefined {
  const dialect = dialects.find((it) => it === text)
  if (text === undefined || dialect !== undefined) return dialect
  throw usage('policy', `${source} ${JSON.stringify(text)} is not one of ${dialects.join(', ')}`)
}

function counted(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`
}
