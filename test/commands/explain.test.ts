import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checks } from '../../src/commands/explain/reasons.ts'
import { report } from '../../src/commands/explain/report.ts'
import { engineSettings } from '../../src/config/table.ts'
import { readSettings } from '../../src/config.ts'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import type { Gate } from '../../src/gate.ts'
import { createGate } from '../../src/gate.ts'
import type { IntrospectionResult } from '../../src/observe/observer.ts'
import { bearer } from '../helpers/stack.ts'
import { buildCli, type Cli, temporaryFolder, until } from './cli.ts'

let cli: Cli
let zeroid: Emulator
let token: string
beforeAll(async () => {
  cli = buildCli()
  zeroid = await startEmulator()
  token = await zeroid.mint()
})
afterAll(async () => {
  cli.remove()
  await zeroid.close()
})

/** No 12 characters in a row of the token are anywhere in the text. */
function expectNoPiece(text: string, secret: string): void {
  for (let i = 0; i + 12 <= secret.length; i++) {
    expect(text).not.toContain(secret.slice(i, i + 12))
  }
}

describe('zeroid-gate explain', () => {
  test('an allowed token: 0, every check, the headers', async () => {
    const env = { ZEROID_URL: zeroid.url }
    const { code, stdout, stderr } = await cli.run(['explain'], env, { input: token })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const check of checks) expect(stdout).toMatch(new RegExp(`^  ok +${check} `, 'm'))
    expect(stdout).toContain('X-Forwarded-User:')
    expect(stdout).toContain('introspection says: active')
    expect(stdout.trim().split('\n').at(-1)).toBe('allowed: 200, evidence introspected')
    expectNoPiece(stdout, token)
  })

  test('a file, with "Bearer " before and a line end after', async () => {
    const file = join(temporaryFolder(), 'token')
    writeFileSync(file, `Bearer ${token}\r\n`)
    const { code, stdout } = await cli.run(['explain', file], { ZEROID_URL: zeroid.url })
    expect(code).toBe(0)
    expect(stdout).toContain('allowed: 200')
  })

  test('a revoked token: 1', async () => {
    const revoked = await zeroid.mint()
    await zeroid.revoke(revoked)
    const env = { ZEROID_URL: zeroid.url }
    const { code, stdout } = await cli.run(['explain'], env, { input: revoked })
    expect(code).toBe(1)
    expect(stdout).toMatch(/FAILED +evidence +token_inactive/)
    expect(stdout).toContain('denied: 401 invalid_token, reason token_inactive')
    expect(stdout).not.toContain('X-Forwarded-User')
    expectNoPiece(stdout, revoked)
  })

  test('a server that is away: 2, and why', async () => {
    const env = { ZEROID_URL: 'http://127.0.0.1:1', ZEROID_ISSUER: zeroid.issuer }
    const { code, stdout } = await cli.run(['explain'], env, { input: token })
    expect(code).toBe(2)
    expect(stdout).toMatch(/UNKNOWN +key +keys_not_loaded/)
    expect(stdout).toContain('ECONNREFUSED')
    expectNoPiece(stdout, token)
  })

  test('what is no token at all is denied and not shown', async () => {
    const secret = 'correct-horse-battery-staple and more'
    const env = { ZEROID_URL: zeroid.url }
    const { code, stdout, stderr } = await cli.run(['explain'], env, { input: secret })
    expect(code).toBe(1)
    expect(stdout).toMatch(/FAILED +bearer +malformed_authorization/)
    expectNoPiece(stdout + stderr, secret)
  })

  test('no token, or a file that cannot be read: 64', async () => {
    const env = { ZEROID_URL: zeroid.url }
    for (const input of ['', ' \n', 'Bearer \n']) {
      const { code, stdout, stderr } = await cli.run(['explain'], env, { input })
      expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
      expect(stderr).toContain('no token given')
    }
    const missing = await cli.run(['explain', '/nonexistent'], env)
    expect(missing.code).toBe(64)
    expect(missing.stderr).toContain('"/nonexistent" cannot be read (ENOENT)')
  })
})

describe('the check that a refusal is put down to', () => {
  const seconds = Math.floor(Date.now() / 1000)
  const claims = {
    sub: 'spiffe://example/agent',
    account_id: 'acct-demo',
    project_id: 'proj-demo',
    jti: 'id-1',
    iat: seconds,
    exp: seconds + 600,
    grant_type: 'client_credentials',
    aud: 'backend',
  }
  const sign = (change: object, header = {}): Promise<string> =>
    zeroid.sign({ iss: zeroid.issuer, ...claims, ...change }, { header })
  const forged = async (): Promise<string> => {
    const [head, , signature] = (await sign({})).split('.')
    const [, payload] = (await sign({ sub: 'spiffe://example/other' })).split('.')
    return `${head}.${payload}.${signature}`
  }

  /** Of an agent whose mark the gate has by now: a token that it never saw is denied unasked. */
  const marked = async (gate: Gate): Promise<string> => {
    const agent = await zeroid.agent()
    const mint = (): Promise<string> =>
      zeroid.mint({ agent, audience: 'backend', iat: seconds - 60 })
    await zeroid.signal({ agent })
    await until(async () => {
      const verdict = await gate.check(bearer(await mint()))
      return verdict.outcome === 'deny' && verdict.reason === 'revoked_by_signal'
    })
    return await mint()
  }

  const cases: [string, string, (gate: Gate) => Promise<string>][] = [
    ['bearer', 'malformed_authorization', async () => 'two words'],
    ['form', 'token_malformed', async () => 'abcdefghijklmnop'],
    ['header', 'algorithm_refused', () => sign({}, { alg: 'none' })],
    ['header', 'header_refused', () => sign({}, { crit: ['exp'] })],
    ['key', 'algorithm_refused', () => sign({}, { alg: 'RS256' })],
    ['key', 'unknown_key', () => sign({ iat: 1 }, { kid: 'unheard-of' })],
    ['signature', 'bad_signature', forged],
    ['payload', 'claims_malformed', () => zeroid.sign('[]')],
    ['issuer', 'wrong_issuer', () => sign({ iss: 'https://elsewhere.example' })],
    ['issuer', 'claim_missing', () => sign({ iss: undefined })],
    ['audience', 'claim_invalid', () => sign({ aud: 7 })],
    ['audience', 'wrong_audience', () => sign({ aud: 'somebody else' })],
    ['claims', 'not_an_access_token', () => sign({ grant_type: undefined })],
    ['claims', 'claim_missing', () => sign({ exp: undefined })],
    ['tenant', 'tenant_refused', () => sign({ account_id: 'acct-other' })],
    ['times', 'token_expired', () => sign({ exp: seconds - 60 })],
    ['times', 'token_not_yet_valid', () => sign({ nbf: seconds + 3_600 })],
    ['signals', 'revoked_by_signal', marked],
    ['evidence', 'token_inactive', () => sign({ iat: seconds - 60 })],
  ]

  for (const [check, reason, mint] of cases) {
    test(`${reason} is put down to ${check}`, async () => {
      const settings = readSettings({
        ZEROID_URL: zeroid.url,
        ZEROID_TENANTS: 'acct-demo/proj-demo',
        GATE_AUDIENCE: 'backend',
      })
      let introspection: IntrospectionResult | undefined
      const observer = {
        introspection: (result: IntrospectionResult): void => {
          introspection = result
        },
      }
      const gate = createGate({ ...engineSettings(settings), observer })
      onTestFinished(() => gate.close())
      await until(() => gate.status().ready)
      const secret = await mint(gate)
      const verdict = await gate.check(bearer(secret))
      const status = gate.status()
      const lines = report({
        token: secret,
        verdict,
        status,
        settings,
        introspection,
        now: Date.now(),
      })
      const results = lines
        .map((line) => /^ {2}(ok|FAILED|UNKNOWN|not reached) +(\w+)/.exec(line))
        .filter((match) => match !== null)
        .map(([, result, name]) => `${result} ${name}`)
      const place = (checks as readonly string[]).indexOf(check)
      expect(results).toEqual(
        checks.map((name, i) =>
          i < place ? `ok ${name}` : i > place ? `not reached ${name}` : `FAILED ${name}`,
        ),
      )
      expect(lines.at(-1)).toContain(`reason ${reason}`)
      expectNoPiece(lines.join('\n'), secret)
    })
  }
})
