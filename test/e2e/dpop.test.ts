import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WireAnswer } from '../../src/doctor/client.ts'
import { valuesOf } from '../../src/doctor/client.ts'
import { readEcho } from '../../src/doctor/echo.ts'
import { isIdentityHeader } from '../../src/doctor/identity.ts'
import type { ProofParts } from '../helpers/proofs.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import type { Rig } from './rig.ts'
import { startRig } from './rig.ts'
import { meshEnvoyServer, servers } from './servers.ts'
import { describeProxy } from './suite.ts'

const key = makeProofKey()
const algs = 'ES256 ES384 ES512 EdDSA PS256 PS384 PS512 RS256 RS384 RS512'

/** A request that is good in everything but what is changed. */
interface Sent {
  readonly proof?: Partial<ProofParts>
  /** In place of the one proof. */
  readonly proofs?: readonly string[]
  readonly scheme?: 'DPoP' | 'Bearer'
  readonly token?: string
  readonly method?: string
  readonly target?: string
  /** In front of the others. */
  readonly headers?: readonly string[]
}

for (const server of [...servers, meshEnvoyServer]) {
  describeProxy(`proofs of possession behind ${server.name}`, server, (binary) => {
    const dialect = server === meshEnvoyServer ? 'envoy' : 'forwarded'
    let rig: Rig
    let bound: string
    beforeAll(async () => {
      rig = await startRig(server, binary, { door: { dialect } })
      bound = await rig.zeroid.mint({ boundTo: key.thumbprint })
    }, 30_000)
    afterAll(async () => {
      await rig?.close()
    })

    function proofFor(sent: Sent, on: Rig): string {
      const { token = bound, method = 'POST', target = '/orders/7?page=2' } = sent
      const url = `${on.url}${target.split('?')[0]}`
      return proof({ key, method, url, token, ...sent.proof })
    }

    function send(sent: Sent = {}, on: Rig = rig): Promise<WireAnswer> {
      const { scheme = 'DPoP', token = bound, method = 'POST', target = '/orders/7?page=2' } = sent
      const proofs = sent.proofs ?? [proofFor(sent, on)]
      const headers = [
        ...(sent.headers ?? []),
        ...['Authorization', `${scheme} ${token}`],
        ...proofs.flatMap((value) => ['DPoP', value]),
      ]
      return on.client.send({ method, target, body: method === 'POST' ? '{}' : '', headers })
    }

    /** What the backend got of the proof. */
    function proved(answer: WireAnswer): readonly string[] {
      const { headers = [] } = readEcho(answer) ?? expect.fail(`${answer.status} ${answer.body}`)
      return valuesOf(headers, 'X-Zeroid-Proof')
    }

    test('a good proof passes; the backend is told, and gets the proof itself', async () => {
      const made = proofFor({}, rig)
      const answer = await send({ proofs: [made] })
      expect(answer.status).toBe(200)
      expect(proved(answer)).toEqual(['verified'])
      expect(valuesOf(readEcho(answer)?.headers ?? [], 'DPoP')).toEqual([made])
    })

    test('each request of a known token needs a proof of its own', async () => {
      for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST']) {
        expect(proved(await send({ method, target: `/orders/${method}` }))).toEqual(['verified'])
      }
    })

    test('a proof that names a body says so to the backend', async () => {
      const answer = await send({ proof: { body: '{}' } })
      expect(proved(answer)).toEqual(['verified; body=unchecked'])
    })

    test('a proof is good once', async () => {
      const proofs = [proofFor({}, rig)]
      expect((await send({ proofs })).status).toBe(200)
      expectRefused(await send({ proofs }), 'invalid_dpop_proof')
    })

    const invalid: readonly (readonly [what: string, sent: () => Sent])[] = [
      ['another method', () => ({ proof: { method: 'GET' } })],
      ['another path', () => ({ proof: { url: `${rig.url}/orders/8` } })],
      ['a path below', () => ({ proof: { url: `${rig.url}/orders/7/lines` } })],
      ['a path in capitals', () => ({ proof: { url: `${rig.url}/ORDERS/7` } })],
      ['another host', () => ({ proof: { url: 'http://other.example.com/orders/7' } })],
      ['another port', () => ({ proof: { url: 'http://127.0.0.1:9/orders/7' } })],
      [
        'another scheme',
        () => ({ proof: { url: `${rig.url}/orders/7`.replace('http', 'https') } }),
      ],
      ['the gate itself', () => ({ proof: { url: `${rig.gateUrl}/oauth2/token/verify` } })],
      ['another token', () => ({ proof: { token: rig.token } })],
      ['no token', () => ({ proof: { claims: { ath: undefined } } })],
      ['another key', () => ({ proof: { key: makeProofKey() } })],
      ['the past', () => ({ proof: { now: Date.now() - 120_000 } })],
      ['the future', () => ({ proof: { now: Date.now() + 120_000 } })],
    ]
    test.each(invalid)('a proof for %s is refused', async (_, sent) => {
      expectRefused(await send(sent()), 'invalid_dpop_proof')
    })

    test('two proofs are none, also where both are good', async () => {
      const proofs = [proofFor({}, rig), proofFor({}, rig)]
      expectRefused(await send({ proofs }), 'invalid_dpop_proof')
    })

    test("what a client claims in a proxy's words does not make a proof fit", async () => {
      const headers = [
        ...['X-Forwarded-Host', 'other.example.com', 'X-Forwarded-Proto', 'https'],
        ...['X-Forwarded-Uri', '/elsewhere', 'X-Forwarded-Method', 'GET'],
        ...['X-Original-URL', 'https://other.example.com/elsewhere', 'X-Original-Method', 'GET'],
      ]
      const claimed = { method: 'GET', url: 'https://other.example.com/elsewhere' }
      expectRefused(await send({ headers, proof: claimed }), 'invalid_dpop_proof')
      expect(proved(await send({ headers }))).toEqual(['verified'])
    })

    const unproved: readonly (readonly [what: string, sent: () => Sent])[] = [
      ['without a proof', () => ({ proofs: [] })],
      ['as a bearer token', () => ({ scheme: 'Bearer', proofs: [] })],
      ['as a bearer token, with a good proof', () => ({ scheme: 'Bearer' })],
    ]
    test.each(unproved)('a bound token is refused %s', async (_, sent) => {
      expectRefused(await send(sent()), 'invalid_token')
    })

    test('an unbound token is refused with a proof', async () => {
      expectRefused(await send({ token: rig.token }), 'invalid_token')
    })

    test('a client cannot say itself that it proved anything, in any spelling', async () => {
      const usual = ['X-Zeroid-Proof', 'x-zeroid-proof']
      const odd = ['X_Zeroid_Proof', 'X-Zeroid_Proof', 'X.Zeroid.Proof', 'X-Zeroid.Proof']
      for (const name of [...usual, ...odd, 'X~Zeroid~Proof']) {
        const headers = [name, 'verified', name, 'verified']
        const plain = await send({ headers, token: rig.token, scheme: 'Bearer', proofs: [] })
        // A proxy may refuse an odd name.
        if (plain.status === 400 && !usual.includes(name)) continue
        expect([name, plain.status]).toEqual([name, 200])
        const got = readEcho(plain)?.headers ?? expect.fail(`${plain.status} to ${name}`)
        const about = got.filter((text, i) => i % 2 === 0 && isIdentityHeader(text))
        expect(about.filter((text) => /proof/i.test(text))).toEqual([])
        const unchecked = await send({ headers, proof: { body: '{}' } })
        expect(proved(unchecked)).toEqual(['verified; body=unchecked'])
      }
    })

    test('a nonce makes the round trip', async () => {
      const asking = await startRig(server, binary, {
        gate: { dpopNonce: true },
        door: { dialect },
      })
      try {
        const token = await asking.zeroid.mint({ boundTo: key.thumbprint })
        const first = await send({ token }, asking)
        expectRefused(first, 'use_dpop_nonce')
        const nonce = first.header('DPoP-Nonce') ?? ''
        expect(nonce).toMatch(/^[\w-]{20,}$/)
        expect(proved(await send({ token, proof: { nonce } }, asking))).toEqual(['verified'])
        const forged = await send({ token, proof: { nonce: `${nonce}x` } }, asking)
        expectRefused(forged, 'use_dpop_nonce')
        expect(forged.header('DPoP-Nonce')).toMatch(/^[\w-]{20,}$/)
      } finally {
        await asking.close()
      }
    }, 30_000)

    test('what is told twice is 400, in the words of the gate', async () => {
      const headers = ['Origin', 'https://a.example.com', 'Origin', 'https://b.example.com']
      const answer = await send({ headers })
      // Envoy makes one header of two.
      if (server.env === 'ENVOY_BIN') return expect(proved(answer)).toEqual(['verified'])
      expect(`${answer.status} ${answer.body.trim()}`).toBe('400 {"error":"invalid_request"}')
    })

    test('where no nonce is asked for, none is sent', async () => {
      const answer = await send({ proofs: [] })
      expect(answer.headers.map((text) => text.toLowerCase())).not.toContain('dpop-nonce')
    })

    /** The client is told in full what was wrong (RFC 9449 §7.1). */
    function expectRefused(answer: WireAnswer, code: string): void {
      expect(answer.status).toBe(401)
      expect(JSON.parse(answer.body)).toEqual({ error: code })
      const challenge = answer.header('WWW-Authenticate') ?? ''
      expect(challenge).toMatch(/^Bearer error="invalid_token", resource_metadata="[^"]+", DPoP /)
      expect(challenge).toContain(`DPoP error="${code}", algs="${algs}"`)
    }
  })
}
