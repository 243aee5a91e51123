import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { LogOptions } from '../../src/observe/log.ts'
import { createLog } from '../../src/observe/log.ts'
import { headerOf, seal, startForge } from '../helpers/forge.ts'
import { answering, introspectPath } from '../helpers/server.ts'

function createCapture(options: Partial<LogOptions> = {}): {
  log: ReturnType<typeof createLog>
  text: () => string
} {
  let text = ''
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  return {
    log: createLog({ level: 'info', format: 'json', destination, ...options }),
    text: () => text,
  }
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('the log', () => {
  test('is one JSON object a line: the reason, and the caller where the signature held', async () => {
    const { log, text } = createCapture()
    const { check, verify, token, ec, payload, server } = await startForge({ observer: log })
    await check(token())
    await verify()
    await check(token({ exp: '1', jti: '"jti-1"' }))
    await check(token({ sub: '["x"]' }))
    await check(
      seal({ ...headerOf(ec), kid: 'unknown-kid' }, payload({ sub: '"nobody vouched"' }), ec),
    )
    server.on(introspectPath, answering(500, 'application/json'))
    await check(token({ jti: '"jti-2"' }))

    const caller = {
      tenant: 'acct-demo/proj-demo',
      sub: 'spiffe://zeroid.test/acct-demo/proj-demo/agent/one',
    }
    const seen = lines(text())
    for (const line of seen) expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const verdicts = seen
      .filter(({ outcome }) => outcome !== undefined)
      .map(({ time, ...rest }) => rest)
    expect(verdicts).toEqual([
      { level: 'info', outcome: 'deny', reason: 'missing_token', msg: 'denied' },
      {
        level: 'info',
        outcome: 'deny',
        ...caller,
        jti: 'jti-1',
        reason: 'token_expired',
        msg: 'denied',
      },
      { level: 'info', outcome: 'deny', reason: 'claim_invalid', detail: 'sub', msg: 'denied' },
      { level: 'info', outcome: 'deny', reason: 'unknown_key', msg: 'denied' },
      {
        level: 'warn',
        outcome: 'unknown',
        ...caller,
        jti: 'jti-2',
        reason: 'server_answer_unusable',
        retryAfter: 2,
        msg: 'cannot tell',
      },
    ])
    expect(text()).not.toContain('nobody vouched')
    expect(text()).not.toContain('unknown-kid')
  })

  test('holds a claim in one line, whatever it says', async () => {
    const { log, text } = createCapture()
    const { check, token } = await startForge({ observer: log })
    const subjects = ['"},{"level":"info"', 'a\u2028b', '\\', '<script>', 'a"} b']
    for (const sub of subjects) await check(token({ exp: '1', sub: JSON.stringify(sub) }))
    const seen = lines(text()).filter(({ reason }) => reason === 'token_expired')
    expect(seen.map(({ sub }) => sub)).toEqual(subjects)
  })

  test('names the allows that nothing vouches for, and no others', async () => {
    const { log, text } = createCapture()
    const { check, token, server } = await startForge({ observer: log, onUnknown: 'allow' })
    const warm = token()
    for (let i = 0; i < 3; i++) await check(warm)
    expect(lines(text()).filter(({ outcome }) => outcome === 'allow')).toEqual([])
    await server.pause()
    await check(token({ jti: '"jti-3"' }))
    expect(lines(text()).filter(({ outcome }) => outcome === 'allow')).toEqual([
      expect.objectContaining({
        level: 'warn',
        jti: 'jti-3',
        msg: expect.stringContaining('GATE_ON_UNKNOWN'),
      }),
    ])
  })

  test.each([
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const)('at level %s writes %i of four notes', (level, count) => {
    const { log, text } = createCapture({ level })
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log.note?.(name, 'note')
    expect(lines(text())).toHaveLength(count)
  })

  test('for people says the same, without colours', async () => {
    const { log, text } = createCapture({ format: 'pretty' })
    const { check, token } = await startForge({ observer: log })
    await check(token({ exp: '1', jti: '"jti-1"' }))
    log.flush()
    expect(text()).toMatch(/INFO.*: denied\n/)
    for (const part of ['token_expired', 'acct-demo/proj-demo', 'jti-1'])
      expect(text()).toContain(part)
    expect(text()).not.toContain('\u001b')
  })
})
