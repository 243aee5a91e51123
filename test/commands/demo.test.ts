import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demo } from '../../src/commands/demo.ts'
import { buildCli, type Cli } from './cli.ts'

let cli: Cli
beforeAll(() => {
  cli = buildCli()
})
afterAll(() => cli.remove())

describe('zeroid-gate demo', () => {
  test('plays the scene and ends with 0', async () => {
    const since = performance.now()
    const { code, stdout, stderr } = await cli.run(['demo'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(performance.now() - since).toBeLessThan(15_000)
    const steps = stdout.split('\n').filter((line) => /^\d /.test(line))
    expect(steps).toHaveLength(7)
    expect(stdout).toMatch(/X-Zeroid-Delegation-Depth +2/)
    expect(stdout).toMatch(/forged +401 +bad_signature/)
    expect(stdout).toMatch(/expired +401 +token_expired/)
    expect(stdout).toContain('WWW-Authenticate: Bearer error="invalid_token"')
    for (const holder of ['orchestrator', 'sub-agent', 'tool']) {
      expect(stdout).toMatch(new RegExp(`${holder} +401 +[\\d.]+ ms after ZeroID accepted`))
    }
    expect(stdout).toMatch(/assistant +401 +[\d.]+ ms after the revocation/)
    expect(stdout).toMatch(/gate, token seen before +[\d.]+ ms +[\d.]+ ms/)
    expect(stdout).toContain('Every step did what it says')
    // No line of the scene holds a token.
    expect(stdout).not.toContain('eyJ')
  })

  test('names the step that failed, and ends with 1', async () => {
    const lines: string[] = []
    const code = await demo([], {
      write: (line) => lines.push(line),
      prepare: ({ zeroid }) => zeroid.faults.set('revoke', { status: 500 }),
    })
    expect(code).toBe(1)
    expect(lines.at(-1)).toBe(
      '\nFailed at step 6 (A plain revocation, of which no signal tells): ZeroID answered 500 to POST /oauth2/token/revoke',
    )
    expect(lines.join('\n')).not.toContain('What a check costs')
  })

  test('a token that should be denied and still passes fails the demo', async () => {
    const lines: string[] = []
    const code = await demo([], {
      write: (line) => lines.push(line),
      // The server says yes and does nothing.
      prepare: ({ zeroid }) => zeroid.faults.set('revoke', { body: '{"revoked":true}' }),
    })
    expect(code).toBe(1)
    expect(lines.at(-1)).toContain('the gate still answered 200 after 3000 ms')
  })
})
