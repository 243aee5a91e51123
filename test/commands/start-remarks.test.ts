import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startEmulator } from '../../src/emulator/index.ts'
import { buildCli, type Cli, listening, until } from './cli.ts'

let cli: Cli
beforeAll(() => {
  cli = buildCli()
})
afterAll(() => cli.remove())

/** The warnings of a sidecar's start. */
async function remarks(env: Record<string, string>): Promise<string[]> {
  const zeroid = await startEmulator()
  onTestFinished(() => zeroid.close())
  const sidecar = cli.start(['serve'], {
    GATE_LISTEN: '127.0.0.1:0',
    GATE_ADMIN_LISTEN: '127.0.0.1:0',
    ZEROID_URL: zeroid.url,
    GATE_DPOP: 'off',
    ...env,
  })
  await listening(sidecar)
  const lines = (): { level: string; msg: string }[] =>
    sidecar
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  // The last of the remarks that every start here makes.
  await until(() => lines().some(({ msg }) => msg.startsWith('GATE_DPOP=off')))
  return lines()
    .filter(({ level }) => level === 'warn')
    .map(({ msg }) => msg)
}

const aboutRenewal = expect.stringMatching(
  /^GATE_STREAM_RENEW is 13 s: .*deaf after 15 s.*GATE_SIGNAL_POLL/,
)

test('a start warns of streams that are renewed after they went deaf', async () => {
  expect(await remarks({ GATE_STREAM_RENEW: '13s' })).toContainEqual(aboutRenewal)
})

test.each([{ GATE_STREAM_RENEW: '12s' }, {}, { GATE_STREAM_RENEW: '13s', GATE_SIGNALS: 'off' }])(
  'a start does not warn of them under %j',
  async (env) => {
    expect((await remarks(env)).join()).not.toContain('GATE_STREAM_RENEW')
  },
)
