import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { policy } from '../../src/commands/policy.ts'
import { CommandError } from '../../src/commands/usage.ts'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { parsePolicy } from '../../src/policy/document.ts'
import { makeProofKey } from '../helpers/proofs.ts'
import { buildCli, type Cli, temporaryFolder, until } from './cli.ts'

const rules = `version: 1
routes:
  - match: { path: /healthz }
    allow: anonymous
  - name: tools
    match: { host: api.example.com, path: /tools/**, methods: [POST] }
    allow: preflight
    require:
      scopes: { all: [tools:execute], any: [tools:network, tools:vcs] }
      trust: first_party
      dpop: required
  - name: trial
    match: { path: /trial }
    require: { tools: [search] }
    shadow: true
  - match: { path: /** }
    require: { scopes: { all: [data:read] } }
`

function file(text: string, name = 'policy.yaml'): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, text)
  return path
}

/** Runs the command here. @returns what it printed, and its exit code */
function run(...args: string[]): Promise<{ code: number; text: string }> {
  return runIn({}, ...args)
}

async function runIn(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; text: string }> {
  let text = ''
  try {
    const code = await policy(args, env, (more) => {
      text += more
    })
    return { code, text }
  } catch (error) {
    expect(error).toBeInstanceOf(CommandError)
    return { code: (error as CommandError).exitCode, text: (error as CommandError).message }
  }
}

describe('policy check', () => {
  test('a good policy: 0', async () => {
    const { code, text } = await run('check', file(rules))
    expect(code).toBe(0)
    expect(text).toMatch(/^4 routes, no problems, /m)
  })

  test('each problem has its line and column: 1', async () => {
    const path = file(rules.replace('first_party', 'frist_party').replace('dpop:', 'dpopp:'))
    const { code, text } = await run('check', path)
    expect(code).toBe(1)
    expect(text).toContain(`${path}:10:14: routes[1].require.trust: "frist_party" is not one of`)
    expect(text).toContain(`${path}:11:7: routes[1].require.dpopp: is not a known key`)
    expect(text).toContain('2 problems')
  })

  test('a route that nothing reaches is a problem: 1', async () => {
    const path = file(`${rules}  - { name: late, match: { path: /late } }\n`)
    const { code, text } = await run('check', path)
    expect(code).toBe(1)
    expect(text).toMatch(/: error: .*never reached/)
  })

  test('rules that the proxy cannot feed are a warning, with line and column', async () => {
    const path = file(rules)
    const said = `${path}:5:5: warning: tools never matches where the proxy sends X-Original-URI`
    const lacking = await run('check', path, '--dialect', 'original')
    expect([lacking.code, lacking.text]).toEqual([0, expect.stringContaining(said)])
    for (const args of [[], ['--dialect', 'forwarded'], ['--dialect', 'envoy']]) {
      expect((await run('check', path, ...args)).text).not.toContain('X-Original-URI')
    }
  })

  test('the dialect is that of GATE_DIALECT where no flag names another', async () => {
    const check = async (env: Record<string, string>, ...flags: string[]): Promise<boolean> =>
      (await runIn(env, 'check', file(rules), ...flags)).text.includes('X-Original-URI')
    expect(await check({ GATE_DIALECT: 'original' })).toBe(true)
    expect(await check({ GATE_DIALECT: 'original' }, '--dialect', 'forwarded')).toBe(false)
    expect(await check({ GATE_DIALECT: '' })).toBe(false)
    const { code, text } = await runIn({ GATE_DIALECT: 'x' }, 'check', file(rules))
    expect([code, text]).toEqual([
      64,
      expect.stringContaining('GATE_DIALECT "x" is not one of forwarded, original, envoy'),
    ])
  })

  test('a method that the proxy cannot send the auth request by is a problem: 1', async () => {
    const path = file('version: 1\nroutes: [{ match: { path: /x, methods: [VERSION-CONTROL] } }]\n')
    const { code, text } = await run('check', path, '--dialect', 'envoy')
    expect(code).toBe(1)
    expect(text).toContain(`${path}:2:10: error: #1 is never reached: VERSION-CONTROL cannot come`)
    expect((await run('check', path)).code).toBe(0)
  })

  test('mode local is a warning unless GATE_SIGNALS is on', async () => {
    const path = file('version: 1\nroutes: [{ match: { path: /x }, freshness: { mode: local } }]\n')
    const said = `${path}:2:10: warning: #1 needs GATE_SIGNALS=on`
    for (const env of [{}, { GATE_SIGNALS: 'off' }]) {
      expect((await runIn(env as Record<string, string>, 'check', path)).text).toContain(said)
    }
    expect((await runIn({ GATE_SIGNALS: 'on' }, 'check', path)).text).not.toContain('warning:')
  })

  test('no text that could be one: 1, and no stack', async () => {
    for (const text of ['', '{', '- 1', 'a: &a [*a]', '!!js/function x', '\u0000']) {
      const { code, text: said } = await run('check', file(text))
      expect([text, code]).toEqual([text, 1])
      expect(said).not.toMatch(/^\s+at /m)
    }
  })

  test.each([[], ['chek'], ['check'], ['check', '/no/such'], ['check', 'a', 'b'], ['test', 'a']])(
    '%j %j: 64',
    async (...args) => {
      expect((await run(...args.filter((word) => word !== undefined))).code).toBe(64)
    },
  )

  test('a dialect that there is not: 64, naming those that there are', async () => {
    const { code, text } = await run('check', file(rules), '--dialect', 'x')
    expect([code, text]).toEqual([64, expect.stringContaining('forwarded, original, envoy')])
  })
})

describe('policy test', () => {
  const passing = `
- request: { url: https://api.example.com/healthz }
  expect: anonymous
- name: a tool
  request: { method: POST, url: https://api.example.com/tools/run?x }
  identity: { scopes: [tools:execute, tools:vcs], bound: true, proof: true }
  expect: allow
  route: tools
- request: { method: POST, url: https://api.example.com/tools/run }
  identity: { bound: true, proof: true }
  expect: insufficient_scope
  scopes: [tools:execute, tools:network]
- request: { method: POST, url: https://api.example.com/tools/run }
  identity: { bound: true }
  expect: proof_missing
- request: { method: POST, url: https://api.example.com/tools/run }
  identity: { scopes: [tools:execute, tools:vcs] }
  expect: token_not_bound
- request: { method: OPTIONS, preflight: POST, url: https://api.example.com/tools/run }
  expect: preflight
- request: { url: /x }
  expect: 401
- request: { method: POST, url: /tools/run }
  identity: { scopes: [data:read] }
  expect: request_not_described
- request: { url: https://a.example/TRIAL }
  identity: { scopes: [data:read] }
  expect: path_refused
- request: { url: https://a.example/trial }
  identity: {}
  expect: allow
`
  test('every case as expected: 0', async () => {
    const { code, text } = await run('test', file(rules), file(passing, 'cases.yaml'))
    expect(text.split('\n').filter((line) => line.startsWith('FAILED'))).toEqual([])
    expect([code, text.trim().split('\n').at(-1)]).toEqual([0, '10 passed, 0 failed'])
  })

  test.each([
    ['another outcome', 'expect: allow', '401 missing_token (route #4), expected allow'],
    ['another status', 'expect: 403', 'expected 403'],
    ['another route', 'expect: 401\n  route: tools', 'expected 401 at route tools'],
    ['other scopes', 'expect: 401\n  scopes: [a]', 'expected 401 of a'],
  ])('%s: 1, and what came instead', async (_title, expected, said) => {
    const cases = `- request: { url: https://a.example/x }\n  ${expected}\n`
    const { code, text } = await run('test', file(rules), file(cases, 'cases.yaml'))
    expect(code).toBe(1)
    expect(text).toContain(said)
    expect(text).toContain('0 passed, 1 failed')
  })

  test('a table that cannot be used: 1, with line and column', async () => {
    const path = file('- request: { url: api }\n  expect: 401\n', 'cases.yaml')
    const { code, text } = await run('test', file(rules), path)
    expect(code).toBe(1)
    expect(text).toContain(`${path}:1:19: [0].request.url: "api" is not a URL with a path`)
  })
})

test('policy schema is a JSON Schema that names every key of a route', async () => {
  const { code, text } = await run('schema')
  expect(code).toBe(0)
  expect(JSON.parse(text)).toMatchObject({ $schema: expect.stringContaining('json-schema.org') })
  for (const key of ['match', 'allow', 'require', 'freshness', 'shadow', 'max_depth', 'dpop']) {
    expect(text).toContain(`"${key}"`)
  }
})

describe('from the shell', () => {
  let cli: Cli
  let zeroid: Emulator
  beforeAll(async () => {
    cli = buildCli()
    zeroid = await startEmulator()
  })
  afterAll(async () => {
    cli.remove()
    await zeroid.close()
  })
  const env = (path: string): Record<string, string> => ({
    ZEROID_URL: zeroid.url,
    GATE_POLICY_FILE: path,
  })

  test('policy check and policy --help', async () => {
    const checked = await cli.run(['policy', 'check', file(rules)])
    expect([checked.code, checked.stderr]).toEqual([0, ''])
    expect((await cli.run(['policy', '--help'])).stdout).toContain('policy test FILE CASES')
    const told = await cli.run(['policy', 'check', file(rules)], { GATE_DIALECT: 'original' })
    expect([told.code, told.stdout]).toEqual([0, expect.stringContaining('X-Original-URI')])
  })

  test('explain says which route decides, why the others do not, and what is missing', async () => {
    const args = ['explain', '--url', 'https://api.example.com/orders', '--method', 'POST']
    const input = await zeroid.mint({ scopes: ['other'] })
    const { code, stdout } = await cli.run(args, env(file(rules)), { input })
    expect(code).toBe(1)
    expect(stdout).toContain('#2 tools: the path')
    expect(stdout).toMatch(/#4: matches/)
    expect(stdout).toMatch(
      /FAILED +route +insufficient_scope: .*route #4 asks for {"all":\["data:read"\]}, the token has \["other"\], granting data:read would do/,
    )
    expect(stdout).toContain('denied: 403 insufficient_scope, reason insufficient_scope')
    const good = await cli.run(args, env(file(rules)), { input: await zeroid.mint() })
    expect([good.code, good.stdout]).toEqual([0, expect.stringMatching(/ok +route +#4 lets/)])
  })

  test('explain needs no token where the route needs none, and none where no route is', async () => {
    const explain = (url: string): ReturnType<Cli['run']> =>
      cli.run(['explain', '--url', url], env(file(rules.replace('path: /**', 'path: /x'))))
    const open = await explain('/healthz')
    expect([open.code, open.stdout]).toEqual([0, expect.stringContaining('needs no token')])
    const nowhere = await explain('https://api.example.com/nowhere')
    expect([nowhere.code, nowhere.stdout]).toEqual([1, expect.stringContaining('no_route')])
  })

  test('explain takes a preflight for what it is: it needs no token', async () => {
    const url = 'https://api.example.com/tools/run'
    const explain = (...more: string[]): ReturnType<Cli['run']> =>
      cli.run(['explain', '--url', url, ...more], env(file(rules)))
    const passed = await explain('--preflight', 'POST')
    expect([passed.code, passed.stdout]).toEqual([
      0,
      expect.stringContaining('route tools lets preflights pass without a token'),
    ])
    expect((await explain('--preflight', 'POST', '--method', 'OPTIONS')).code).toBe(0)
    const none = await explain('--preflight', 'DELETE')
    expect([none.code, none.stderr]).toEqual([64, expect.stringContaining('no token given')])
    expect((await cli.run(['explain', '--help'])).stdout).toContain('--preflight METHOD')
  })

  test('explain asks for the freshness of a route in force, and not of one in shadow', async () => {
    const text = (more: string): string =>
      `version: 1\nroutes: [{ match: { path: /** }, freshness: { mode: local }${more} }]\n`
    const input = await zeroid.mint()
    const explain = (more: string): ReturnType<Cli['run']> => {
      const settings = { ...env(file(text(more))), GATE_SIGNALS: 'off' }
      return cli.run(['explain', '--url', '/x'], settings, { input })
    }
    const inForce = await explain('')
    expect([inForce.code, inForce.stdout]).toEqual([2, expect.stringContaining('feed_not_live')])
    expect((await explain(', shadow: true')).code).toBe(0)
  })

  test('explain does not fail a bound token for want of a proof, and says so', async () => {
    const input = await zeroid.mint({ boundTo: makeProofKey().thumbprint })
    const { code, stdout } = await cli.run(['explain'], { ZEROID_URL: zeroid.url }, { input })
    expect(code).toBe(0)
    expect(stdout).toContain('not checked here: the token is bound to a key')
  })

  test.each([
    [['explain', '--method', 'GET'], '--method needs --url'],
    [['explain', '--preflight', 'GET'], '--preflight needs --url'],
    [
      ['explain', '--url', '/x', '--preflight', 'PUT', '--method', 'PUT'],
      '--method "PUT" is no method of a preflight, which is OPTIONS',
    ],
    [['explain', '--url', 'nonsense'], 'is not a URL with a path'],
  ])('%j: 64', async (args, said) => {
    const { code, stderr } = await cli.run(args, env(file(rules)))
    expect([code, stderr]).toEqual([64, expect.stringContaining(said)])
  })

  test('explain with a policy that cannot be used: 78, with line and column', async () => {
    const path = file('version: 2\n')
    const { code, stderr } = await cli.run(['explain', '--url', '/x'], env(path))
    expect([code, stderr]).toEqual([78, expect.stringContaining(`${path}:1:`)])
  })

  test('serve with a bad policy answers 503 and is not ready, until it is mended', async () => {
    const path = file('version: 1\nroutes: [{ match: { paht: / } }]\n')
    const running = cli.start(['serve'], {
      ...env(path),
      GATE_LISTEN: '127.0.0.1:0',
      GATE_ADMIN_LISTEN: '127.0.0.1:0',
    })
    const address = (which: string): string =>
      new RegExp(`"${which}":"(http[^"]+)"`).exec(running.stdout())?.[1] ?? ''
    await until(() => address('door') !== '')
    const token = await zeroid.mint()
    const ask = async (): Promise<number> =>
      (
        await fetch(`${address('door')}/oauth2/token/verify`, {
          headers: { authorization: `Bearer ${token}`, 'x-forwarded-uri': '/x' },
        })
      ).status
    const ready = async (): Promise<Response> => await fetch(`${address('admin')}/ready`)
    expect(await ask()).toBe(503)
    const away = await ready()
    expect([away.status, await away.text()]).toEqual([
      503,
      expect.stringContaining(`${path}:2:21: routes[0].match.paht`),
    ])
    writeFileSync(path, 'version: 1\nroutes: [{ match: { path: /x } }]\n')
    running.process.kill('SIGHUP')
    await until(async () => (await ask()) === 200)
    await until(async () => (await ready()).status === 200)
    // A later fault leaves the rules as they are, and the gate ready.
    writeFileSync(path, 'version: 1\nroutes: 1\n')
    running.process.kill('SIGHUP')
    await until(async () => (await (await ready()).text()).includes('cannot be used'))
    expect([await ask(), (await ready()).status]).toEqual([200, 200])
    expect(
      (await (await fetch(`${address('admin')}/metrics`)).text()).includes('policy_loaded 0'),
    ).toBe(true)
    expect(parsePolicy(rules).routes).toHaveLength(4)
  })
})
