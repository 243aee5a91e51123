import { Writable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { createLog } from '../../src/observe/log.ts'
import { createMetrics } from '../../src/observe/metrics.ts'
import { combineObservers } from '../../src/observe/observer.ts'
import { createFakeClock } from '../helpers/clock.ts'
import type { Forge } from '../helpers/forge.ts'
import { headerOf, seal, startForge } from '../helpers/forge.ts'
import { answering, introspectPath, jwksPath } from '../helpers/server.ts'

/** Everything a verdict can come from: good, dead, forged, broken, unreachable. */
async function everyVerdict(forge: Forge): Promise<{ tokens: string[]; shown: string[] }> {
  const { server, ec } = forge
  const tokens = [
    forge.token(),
    forge.token({ exp: '1' }),
    forge.token({ sub: '"spiffe://zeroid.test/marked"', grant_type: undefined }),
    forge.token({ identity_type: '["marked"]' }),
    forge.token({ name: '"marked claim of no interest"' }),
    seal({ ...headerOf(ec), kid: 'marked-kid' }, forge.payload(), ec),
    seal({ ...headerOf(ec), crit: ['marked-crit'] }, forge.payload(), ec),
    seal({ ...headerOf(ec), alg: 'marked-alg' }, forge.payload(), ec),
    `${forge.token().slice(0, -6)}AAAAAA`,
    `marked.not.jwt`,
    'm'.repeat(17_000),
  ]
  const shown: string[] = []
  const present = async (): Promise<void> => {
    for (const token of tokens) {
      for (const scheme of ['Bearer', 'Basic']) {
        const answer = await forge.verify({ authorization: `${scheme} ${token}` })
        shown.push(JSON.stringify([...answer.headers]), await answer.text())
      }
    }
    const { url } = forge
    shown.push(await (await fetch(`${url}/oauth2/token/verify?token=${tokens[0]}`)).text())
    shown.push(await (await fetch(`${url}/${tokens[0]}`)).text())
    shown.push(JSON.stringify(forge.gate.status()))
  }
  await present()
  for (const [path, body] of [
    [introspectPath, tokens[0]],
    [jwksPath, tokens[0]],
  ] as const) {
    server.on(path, answering(500, 'application/json', JSON.stringify({ echo: body })))
  }
  tokens.push(forge.token())
  await present()
  server.on(introspectPath, answering(401, 'application/json', JSON.stringify({ echo: tokens[0] })))
  tokens.push(forge.token())
  await present()
  await server.pause()
  tokens.push(forge.token())
  await present()
  return { tokens, shown }
}

test.each(['json', 'pretty'] as const)(
  'no token, key id or secret is ever shown (%s log)',
  async (format) => {
    let log = ''
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        log += chunk.toString()
        done()
      },
    })
    const metrics = createMetrics()
    const secrets = {
      clientId: 'gate',
      clientSecret: 'marked-client-secret',
      adminToken: 'marked-admin-token',
    }
    const forge = await startForge({
      ...secrets,
      clock: createFakeClock(),
      observer: combineObservers(
        metrics.observer,
        createLog({ level: 'debug', format, destination }),
      ),
    })
    metrics.follow(forge.gate.status)
    const { tokens, shown } = await everyVerdict(forge)
    await vi.waitFor(() => expect(log).toMatch(/cannot tell/))
    const output = [log, ...shown, await metrics.render()].join('\n')

    const parts = tokens.flatMap((token) => token.split('.')).filter((part) => part.length > 8)
    expect(parts.length).toBeGreaterThan(20)
    for (const part of parts) {
      for (let start = 0; start + 24 <= part.length; start += 8) {
        expect(output).not.toContain(part.slice(start, start + 24))
      }
    }
    for (const secret of [
      'marked',
      Buffer.from('gate:marked-client-secret').toString('base64'),
      'Basic Z2F0',
    ]) {
      expect(output).not.toContain(secret)
    }
    // The search itself works: what may be shown is there.
    for (const visible of [
      'token_expired',
      'acct-demo/proj-demo',
      'ZEROID_CLIENT_ID',
      'bad_signature',
    ]) {
      expect(output).toContain(visible)
    }
  },
)
