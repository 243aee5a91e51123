import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEcho } from '../../src/doctor/echo.ts'
import { identityLines } from '../../src/doctor/identity.ts'
import { probes } from '../../src/doctor/probes.ts'
import { defaultOptions } from '../../src/proxies/options.ts'
import { lint } from './process.ts'
import type { Rig } from './rig.ts'
import { startRig } from './rig.ts'
import { servers } from './servers.ts'
import { describeProxy } from './suite.ts'

for (const server of servers) {
  describeProxy(server.name, server, (binary) => {
    let rig: Rig
    beforeAll(async () => {
      rig = await startRig(server, binary)
    }, 30_000)
    afterAll(async () => {
      await rig?.close()
    })

    const ask = (token: string): ReturnType<Rig['client']['send']> =>
      rig.client.send({ headers: ['Authorization', `Bearer ${token}`] })

    test('its own linter passes the config as shipped', async () => {
      const { code, output } = await lint(server, binary, server.files(defaultOptions))
      expect(code, output).toBe(0)
    })

    test.each(probes.map((probe) => [probe.title, probe] as const))(
      '%s',
      { timeout: 60_000 },
      async (_, probe) => {
        expect(await probe.run(rig, rig.gate)).toBeUndefined()
      },
    )

    test('refuses a revoked agent within 100 ms of the signal', async () => {
      const agent = await rig.zeroid.agent()
      const token = await rig.zeroid.mint({ agent })
      expect((await ask(token)).status).toBe(200)
      await rig.zeroid.signal({ agent })
      const since = performance.now()
      let status = 200
      while (status === 200 && performance.now() - since < 2_000) status = (await ask(token)).status
      const took = performance.now() - since
      console.info(`${server.name}: 401 ${took.toFixed(1)} ms after the signal`)
      expect(status).toBe(401)
      expect(took).toBeLessThan(100)
    })

    test('passes identity values of any language, byte for byte', async () => {
      const agent = await rig.zeroid.agent({ name: 'агент-日本-é' })
      const token = await rig.zeroid.mint({ agent })
      const echo = readEcho(await ask(token))
      const expected = identityLines(await rig.gate.verdict(token))
      expect(identityLines(echo?.headers ?? [])).toEqual(expected)
      expect(Buffer.from(expected.join(), 'latin1').toString('utf8')).toContain('агент-日本-é')
    })

    test('answers 503 for a token never seen while ZeroID is away, and 200 afterwards', async () => {
      const token = await rig.zeroid.mint({ iat: Math.floor(Date.now() / 1000) - 60 })
      await rig.zeroid.pause()
      const answer = await ask(token)
      await rig.zeroid.resume()
      expect(answer.status).toBe(503)
      expect(answer.header('Retry-After')).toMatch(/^\d+$/)
      await expect.poll(async () => (await ask(token)).status, { timeout: 10_000 }).toBe(200)
    })

    test('asks a gate that listens on a unix socket', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'zeroid-gate-socket-'))
      chmodSync(folder, 0o755)
      const other = await startRig(server, binary, { socket: join(folder, 'gate.sock') })
      try {
        const id = ['identity', 'no-token', 'gate-down']
        for (const probe of probes.filter((candidate) => id.includes(candidate.id))) {
          expect(await probe.run(other, other.gate)).toBeUndefined()
        }
      } finally {
        await other.close()
        rmSync(folder, { recursive: true })
      }
    })

    test('gives the client the exact challenge of the gate', async () => {
      const direct = await fetch(`${rig.gateUrl}/oauth2/token/verify`)
      const answer = await rig.client.send()
      expect(answer.status).toBe(401)
      expect(answer.header('WWW-Authenticate')).toBe(direct.headers.get('WWW-Authenticate'))
      expect(JSON.parse(answer.body)).toEqual(JSON.parse(await direct.text()))
      expect(answer.header('Cache-Control')).toBe('no-store')
    })
  })
}
