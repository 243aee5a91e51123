import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createSigningKey, gist, headerOf, payloadText, seal } from '../helpers/forge.ts'
import type { HostileServer } from '../helpers/server.ts'
import { introspectPath, jwksPath, startServer } from '../helpers/server.ts'
import type { OpenDoor } from '../helpers/stack.ts'
import { bearer, openDoor } from '../helpers/stack.ts'

// Vectors of C2SP/wycheproof, testvectors_v1; they are read where they lie and are no part of this
// project. WYCHEPROOF_DIR names the directory.
const directory = new URL(
  `${process.env.WYCHEPROOF_DIR ?? new URL('../../../shared/wycheproof', import.meta.url).pathname}/`,
  'file:///',
)
const present = existsSync(directory)
const why = present
  ? ''
  : `: skipped, there are no vectors in ${directory.pathname} (WYCHEPROOF_DIR)`

interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly jws?: unknown
  readonly jwe?: unknown
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

interface Group {
  readonly comment: string
  readonly public?: Record<string, unknown>
  readonly private?: Record<string, unknown>
  readonly tests: readonly Vector[]
}

function readGroups(name: string): readonly Group[] {
  if (!present) return []
  const file = JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as { testGroups: Group[] }
  return file.testGroups
}

const files = {
  signature: readGroups('json_web_signature_test.json'),
  key: readGroups('json_web_key_test.json'),
  crypto: readGroups('json_web_crypto_test.json'),
}
const groups = Object.values(files).flat()

/** A vector as a bearer could carry it: the compact form, or the JSON as text. */
function tokenOf({ jws, jwe }: Vector): string {
  const value = jws ?? jwe
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The keys of a group as a server would publish them, shared secrets and all. */
function keySetOf(group: Group): { keys: Record<string, unknown>[] } {
  const given = group.public ?? group.private ?? {}
  return { keys: (Array.isArray(given.keys) ? given.keys : [given]) as Record<string, unknown>[] }
}

/** The set of the group, and the same keys under the kid and algorithm that a token asks for. */
function generousKeySet(group: Group, token: string): { keys: Record<string, unknown>[] } {
  const { kid, alg } = headerText(token)
  const { keys } = keySetOf(group)
  if (keys.length !== 1) return { keys }
  return { keys: keys.map((key) => ({ ...key, kid: kid ?? key.kid, alg: key.alg ?? alg })) }
}

function headerText(token: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(token.split('.')[0] ?? '', 'base64url').toString(),
    )
    return typeof header === 'object' && header !== null ? { ...header } : {}
  } catch {
    return {}
  }
}

const ec = createSigningKey('ES256', 'live-ec')
const rsa = createSigningKey('RS256', 'live-rsa')

/** A server with these keys that calls every token active, and a gate that has loaded them. */
async function gateFor(keys: object): Promise<OpenDoor & { server: HostileServer }> {
  const server = await startServer()
  server.on(jwksPath, keys)
  return { server, ...(await openDoor({ url: server.url, signals: false })) }
}

/** The verdict and the status at the door of one token. */
async function judge(gate: OpenDoor, token: string): Promise<{ reason: string; status: number }> {
  // What is no header value cannot even be sent.
  const sendable = /^[\x20-\x7e]*$/.test(token)
  const status = sendable ? (await gate.present(token)).status : 0
  return { reason: gist(await gate.gate.check(bearer(token))), status }
}

test.skipIf(!present)(`the files hold the vectors that the tests are about${why}`, () => {
  const count = (list: readonly Group[]): number =>
    list.reduce((sum, { tests }) => sum + tests.length, 0)
  expect(count(files.signature)).toBeGreaterThanOrEqual(401)
  expect(count(files.key)).toBeGreaterThanOrEqual(26)
  expect(count(files.crypto)).toBeGreaterThanOrEqual(83)
})

/**
 * Vectors whose signature is right and whose key is weak in a way that only its maker could have
 * avoided. The gate verifies what ZeroID publishes; ZeroID's keys are not made by such hardware.
 */
const outOfScope = ['rejectsKeyWithRocaVulnerability']

describe('vectors as published', () => {
  test.skipIf(!present)(
    `none is a 200, and a signature holds only where it is valid${why}`,
    async () => {
      const wrong: string[] = []
      const verified: string[] = []
      let presented = 0

      async function judgeVector(gate: OpenDoor, group: Group, vector: Vector): Promise<void> {
        const { reason, status } = await judge(gate, tokenOf(vector))
        const title = `${group.comment} ${vector.tcId} ${vector.comment}: ${reason} ${status}`
        presented++
        if (status === 200 || status >= 500 || reason === 'allow') wrong.push(title)
        // The payloads are no claims; the gate says so only behind a signature that held.
        if (reason !== 'claims_malformed') return
        verified.push(vector.comment)
        if (vector.result === 'invalid' && !outOfScope.includes(vector.comment)) wrong.push(title)
      }

      for (const group of groups) {
        // The keys as published, and with the kid and algorithm that the tokens ask for.
        const sets = new Map([['', keySetOf(group)]])
        for (const vector of group.tests) {
          const { kid, alg } = headerText(tokenOf(vector))
          if (vector.jws !== undefined)
            sets.set(`${kid} ${alg}`, generousKeySet(group, tokenOf(vector)))
        }
        const gates = await Promise.all(
          [...sets.values()].map(async (set) => await gateFor({ keys: [...set.keys, ec.jwk] })),
        )
        for (const gate of gates) {
          await Promise.all(group.tests.map((vector) => judgeVector(gate, group, vector)))
          expect(gate.server.count(introspectPath)).toBe(0)
        }
      }
      expect(wrong).toEqual([])
      expect(presented).toBeGreaterThanOrEqual(900)
      // Not everything is refused for a trifle: good signatures got as far as their payload.
      expect(verified.length).toBeGreaterThanOrEqual(10)
      expect(new Set(verified)).toContain('acceptsValid')
    },
    60_000,
  )
})

/** Where a vector's token differs from its group's valid one, applied to a token of ours. */
function moved(vector: Vector, issuer: string): string[] {
  if (typeof vector.jws !== 'string') return [tokenOf(vector)]
  const [head = '', , signature = ''] = vector.jws.split('.')
  const header = headerText(vector.jws)
  const payload = payloadText(issuer, Date.now())
  const key = header.alg === 'ES256' ? ec : rsa
  const good = seal(headerOf(key), payload, key)
  const [ourHead, ourPayload, ourSignature = ''] = good.split('.')
  return [
    // The vector's signature on our header and claims; its header over our claims.
    `${ourHead}.${ourPayload}.${signature}`,
    `${head}.${ourPayload}.${signature}`,
    `${head}.${ourPayload}.${ourSignature}`,
    // Its header members under our live kid, signed with each of our keys.
    ...[ec, rsa]
      .map((signer) => seal({ ...header, kid: signer.kid }, payload, signer))
      .map((token) =>
        // A header that names the algorithm and nothing strange is a good one: then its signature is
        // replaced, so that what is left of the vector is its signature.
        isPlain(headerText(token))
          ? `${token.split('.').slice(0, 2).join('.')}.${signature}`
          : token,
      ),
    // The length of its signature on ours.
    `${ourHead}.${ourPayload}.${resized(ourSignature, Buffer.from(signature, 'base64url').length)}`,
  ].filter((token) => token !== good)
}

const isPlain = (header: Record<string, unknown>): boolean =>
  Object.keys(header).every((name) => ['alg', 'kid', 'typ'].includes(name)) &&
  ['ES256', 'RS256'].includes(String(header.alg))

function resized(signature: string, length: number): string {
  const bytes = Buffer.from(signature, 'base64url')
  const wanted = length === bytes.length ? length + 1 : length
  return Buffer.concat([bytes, Buffer.alloc(1_024)])
    .subarray(0, wanted)
    .toString('base64url')
}

describe('vectors moved onto a token with perfect claims under a live key', () => {
  test.skipIf(!present)(
    `none is a 200${why}`,
    async () => {
      const gate = await gateFor({ keys: [ec.jwk, rsa.jwk] })
      for (const key of [ec, rsa]) {
        const good = seal(headerOf(key), payloadText(gate.server.url, Date.now()), key)
        expect((await gate.present(good)).status).toBe(200)
      }
      const asked = gate.server.count(introspectPath)
      const seen = new Set<string>()
      const wrong: string[] = []
      for (const group of groups) {
        const judged = group.tests.flatMap((vector) =>
          moved(vector, gate.server.url).map(async (token) => {
            if (seen.has(token)) return
            seen.add(token)
            const { reason, status } = await judge(gate, token)
            if (status !== 200 && status < 500 && reason !== 'allow') return
            wrong.push(`${group.comment} ${vector.tcId}: ${status} ${reason} ${token}`)
          }),
        )
        await Promise.all(judged)
      }
      expect(wrong).toEqual([])
      expect(seen.size).toBeGreaterThanOrEqual(1_500)
      expect(gate.server.count(introspectPath)).toBe(asked)
    },
    60_000,
  )

  test.skipIf(!present)(`the keys of invalid key vectors verify nothing${why}`, async () => {
    const invalid = groups.filter(
      (group) =>
        group.public !== undefined &&
        group.tests.every(
          ({ result, comment }) => result === 'invalid' && !outOfScope.includes(comment),
        ),
    )
    for (const group of invalid) {
      const gate = await gateFor({ keys: [...keySetOf(group).keys, ec.jwk] })
      const { kids } = gate.gate.status().keys
      const reasons: string[] = []
      for (const vector of group.tests) reasons.push((await judge(gate, tokenOf(vector))).reason)
      expect([
        group.comment,
        kids.includes('live-ec'),
        reasons.includes('claims_malformed'),
      ]).toEqual([group.comment, true, false])
      const good = seal(headerOf(ec), payloadText(gate.server.url, Date.now()), ec)
      expect((await gate.present(good)).status).toBe(200)
    }
    expect(invalid.length).toBeGreaterThanOrEqual(8)
  })
})
