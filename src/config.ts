import { readFileSync } from 'node:fs'
import type { Setting, Settings } from './config/table.ts'
import { settingsTable } from './config/table.ts'
import type { SettingProblem } from './errors.ts'
import { SettingsError } from './errors.ts'

/** An environment: names and values, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings. A secret may come from a file: `NAME_FILE` names it.
 *
 * @param env the environment
 * @param readFile reads a mounted secret; default: the file system
 * @returns the settings, frozen
 * @throws SettingsError with every problem at once: the variable, what was given (never of a
 *   secret), what is accepted
 */
export function readSettings(
  env: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Settings {
  const problems: SettingProblem[] = []
  const values: Record<string, unknown> = {}
  for (const setting of settingsTable) {
    const text = textOf(setting, env, readFile, problems)
    if (text === undefined) continue
    const parsed = setting.schema.safeParse(text)
    if (parsed.success) values[setting.key] = parsed.data
    else {
      const given = setting.secret ? 'the value given' : JSON.stringify(withoutSecrets(text))
      problems.push({ setting: setting.env, message: `${given} is not ${setting.accepts}` })
    }
  }
  problems.push(...unknownNames(env), ...contradictions(values, problems))
  if (problems.length > 0) throw new SettingsError(problems)
  return Object.freeze(values) as unknown as Settings
}

function textOf(
  setting: Setting,
  env: Environment,
  readFile: (path: string) => string,
  problems: SettingProblem[],
): string | undefined {
  // An empty variable is an unset one, as compose files leave them.
  const file = (setting.secret && env[`${setting.env}_FILE`]) || undefined
  const given = env[setting.env] || undefined
  if (file !== undefined && given !== undefined) {
    problems.push({ setting: setting.env, message: `set it or ${setting.env}_FILE, not both` })
    return undefined
  }
  if (file !== undefined) {
    try {
      return readFile(file).trim()
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'error'
      const message = `${JSON.stringify(file)} cannot be read (${code})`
      problems.push({ setting: `${setting.env}_FILE`, message })
      return undefined
    }
  }
  if (given !== undefined) return given
  if (setting.fallback === undefined && setting.required) {
    problems.push({ setting: setting.env, message: `is required: ${setting.accepts}` })
  }
  return setting.fallback
}

/** Credentials in a URL, and an API key in the wrong variable, stay out of messages and logs. */
function withoutSecrets(text: string): string {
  return text.replace(/\/\/[^/?#]*@/, '//…@').replace(/zid_\S+/g, 'zid_…')
}

/** A misspelt setting would silently leave a default in force. */
function unknownNames(env: Environment): SettingProblem[] {
  const known = new Set(
    settingsTable.flatMap(({ env: name, secret }) => (secret ? [name, `${name}_FILE`] : [name])),
  )
  return Object.keys(env)
    .filter((name) => /^(GATE|ZEROID)_/.test(name) && !known.has(name) && !isServiceLink(name))
    .map((name) => ({ setting: name, message: 'is no setting of the gate (see serve --help)' }))
}

/** Kubernetes sets `ZEROID_SERVICE_HOST`, `GATE_PORT_8900_TCP` and the like for its services. */
function isServiceLink(name: string): boolean {
  return /_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/.test(name)
}

function contradictions(
  values: Record<string, unknown>,
  earlier: readonly SettingProblem[],
): SettingProblem[] {
  const found: SettingProblem[] = []
  const has = (key: string): boolean => values[key] !== undefined
  const failed = (env: string): boolean => earlier.some(({ setting }) => setting.startsWith(env))
  if (has('clientId') && !has('clientSecret') && !failed('ZEROID_CLIENT_SECRET')) {
    found.push({ setting: 'ZEROID_CLIENT_SECRET', message: 'ZEROID_CLIENT_ID needs it' })
  }
  if (has('clientSecret') && !has('clientId') && !failed('ZEROID_CLIENT_ID')) {
    found.push({ setting: 'ZEROID_CLIENT_ID', message: 'ZEROID_CLIENT_SECRET needs it' })
  }
  if (has('apiKey') && has('adminToken')) {
    found.push({ setting: 'ZEROID_API_KEY', message: 'set it or ZEROID_ADMIN_TOKEN, not both' })
  }
  if (has('dpopNonceSecret') && values.dpopNonce !== true) {
    const message = 'needs GATE_DPOP_NONCE=on: without it nobody is given a nonce'
    found.push({ setting: 'GATE_DPOP_NONCE_SECRET', message })
  }
  if (values.dpopNonce === true && values.dpop === false) {
    found.push({ setting: 'GATE_DPOP_NONCE', message: 'needs GATE_DPOP=on' })
  }
  if (values.mode === 'local' && values.signals === false) {
    const message = '"local" needs GATE_SIGNALS=on: nothing else would see a revocation'
    found.push({ setting: 'GATE_MODE', message })
  }
  return found
}
