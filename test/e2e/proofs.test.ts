import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { valuesOf } from '../../src/doctor/client.ts'
import { readEcho } from '../../src/doctor/echo.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import type { Rig } from './rig.ts'
import { startRig } from './rig.ts'
import type { ProxyServer } from './servers.ts'
import { findBinary, servers } from './servers.ts'

const required = process.env.GATE_E2E === 'required'
const key = makeProofKey()
type Changed = Partial<Parameters<typeof proof>[0]>

describe.each(servers.map((it) => [it.name, it] as const))(
  'proofs of possession behind %s',
  (_, server: ProxyServer) => {
    const binary = findBinary(server)
    if (binary === undefined) {
      const title = `is not installed: ${server.install}, or set ${server.env}`
      if (required) test(title, () => expect.fail(title))
      else test.skip(title, () => {})
      return
    }

    let rig: Rig
    let strict: Rig
    beforeAll(async () => {
      rig = await startRig(server, binary)
      strict = await startRig(server, binary, { gate: { dpopNonce: true } })
    }, 30_000)
    afterAll(async () => {
      await rig?.close()
      await strict?.close()
    })

    const boundToken = (at: Rig): Promise<string> => at.zeroid.mint({ boundTo: key.thumbprint })

    async function ask(
      at: Rig,
      changed: Changed = {},
    ): Promise<Awaited<ReturnType<Rig['client']['send']>>> {
      const token = await boundToken(at)
      const made = proof({ key, url: `${at.url}/orders`, token, ...changed })
      return await at.client.send({
        target: '/orders?page=2',
        headers: ['Authorization', `DPoP ${token}`, 'DPoP', made],
      })
    }

    test('a good one passes, and the backend gets the word and the proof', async () => {
      const echo = readEcho(await ask(rig))
      expect(valuesOf(echo?.headers ?? [], 'x-zeroid-proof')).toEqual(['verified'])
      expect(valuesOf(echo?.headers ?? [], 'dpop')).toHaveLength(1)
    })

    test('one that names a body says that nobody compared it', async () => {
      const echo = readEcho(await ask(rig, { body: 'x' }))
      const said = valuesOf(echo?.headers ?? [], 'x-zeroid-proof')
      expect(said).toEqual(['verified; body=unchecked'])
    })

    test.each<[string, Changed]>([
      ['method', { method: 'POST' }],
      ['path', { url: 'http://127.0.0.1/other' }],
      ['host', { url: 'http://api.example.com/orders' }],
      ['token', { token: 'another' }],
      ['key', { key: makeProofKey() }],
    ])('one for another %s is refused, and the client is told how', async (_title, changed) => {
      const answer = await ask(rig, changed)
      expect(answer.status).toBe(401)
      expect(readEcho(answer)).toBeUndefined()
      expect(answer.header('WWW-Authenticate')).toMatch(
        /^Bearer error="invalid_token", .*DPoP error="invalid_dpop_proof", algs="ES256 /,
      )
      expect(answer.body).toContain('invalid_dpop_proof')
    })

    test('one passes once', async () => {
      const token = await boundToken(rig)
      const made = proof({ key, url: `${rig.url}/orders`, token })
      const headers = ['Authorization', `DPoP ${token}`, 'DPoP', made]
      const statuses: number[] = []
      for (let i = 0; i < 3; i++) {
        statuses.push((await rig.client.send({ target: '/orders', headers })).status)
      }
      expect(statuses).toEqual([200, 401, 401])
    })

    test('a bound token passes neither without one nor as a bearer token', async () => {
      const token = await boundToken(rig)
      const made = proof({ key, url: `${rig.url}/orders`, token })
      for (const headers of [
        ['Authorization', `DPoP ${token}`],
        ['Authorization', `Bearer ${token}`],
        ['Authorization', `Bearer ${token}`, 'DPoP', made],
      ]) {
        const answer = await rig.client.send({ target: '/orders', headers })
        expect(answer.status).toBe(401)
        expect(answer.header('WWW-Authenticate')).toContain('DPoP error="invalid_token"')
      }
    })

    test("a client's own X-Zeroid-Proof never gets through", async () => {
      for (const name of ['X-Zeroid-Proof', 'X_Zeroid_Proof', 'X.Zeroid.Proof', 'x-zeroid-proof']) {
        const headers = ['Authorization', `Bearer ${rig.token}`, name, 'verified']
        const answer = await rig.client.send({ target: '/orders', headers })
        const seen = readEcho(answer)?.headers.join('\n') ?? ''
        expect(`${name}: ${/zeroid.proof\nverified/i.test(seen)}`).toBe(`${name}: false`)
      }
    })

    test('a nonce gets to the client, and back', async () => {
      const first = await ask(strict)
      expect(first.status).toBe(401)
      expect(first.header('WWW-Authenticate')).toContain('DPoP error="use_dpop_nonce"')
      const nonce = first.header('DPoP-Nonce') ?? ''
      expect(nonce).not.toBe('')
      expect((await ask(strict, { nonce })).status).toBe(200)
    })
  },
)
