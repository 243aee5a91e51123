import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { call, claimsOf, headerOf } from './http.ts'

interface Exchange {
  name: string
  request: {
    method: string
    path: string
    headers: Record<string, string>
    body: Record<string, unknown> | string | null
  }
  response: { status: number; headers: Record<string, string>; body: unknown }
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../wire/${name}`, import.meta.url), 'utf8'))
const exchanges: Exchange[] = read('exchanges.json')
const recordedClaims: Record<string, { header: unknown; claims: Record<string, unknown> }> =
  read('claims.json')

const recordedIssuer = 'http://localhost:8899'
const admin = { 'X-Account-ID': 'acct-demo', 'X-Project-ID': 'proj-demo' }
const dpopClient = 'pop-mwrdpuxv'

// Compared headers; the rest (date, connection) is not part of the contract.
const contractHeaders =
  /^(content-type|content-length|transfer-encoding|www-authenticate|allow|x-.*)$/

/** A recorded conversation, held again with an emulator. */
function createReplay(emulator: Emulator, setTime: (epochMs: number) => void) {
  /** What the emulator gave in place of a recorded text: issuer, ids, tokens, keys. */
  const learnt = new Map<string, string>([[recordedIssuer, emulator.issuer]])
  const privateKeys = new Map<string, KeyObject>()
  const clientSecrets = new Map<string, string>()
  let apiKey = ''

  const swap = (text: string) =>
    [...learnt]
      .sort(([a], [b]) => b.length - a.length)
      .reduce((swapped, [recorded, live]) => swapped.replaceAll(recorded, live), text)

  /** Ids are normalised by being learnt: a recorded id must always meet the same live one. */
  function bind(recorded: string, live: string): void {
    if (learnt.has(recorded)) expect(live).toBe(learnt.get(recorded))
    else learnt.set(recorded, live)
  }

  function newKey(pem: string, externalId: string): string {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const live = publicKey.export({ type: 'spki', format: 'pem' }).toString().trim()
    privateKeys.set(externalId, privateKey)
    learnt.set(JSON.stringify(pem).slice(1, -1), JSON.stringify(live).slice(1, -1))
    return live
  }

  /** An assertion like the recorded one, under the key that was registered this time. */
  function actorToken(recorded: string): string {
    const claims = { ...claimsOf(recorded), aud: emulator.issuer }
    const key = privateKeys.get(String(claimsOf(recorded).iss).split('/').at(-1)!)!
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const input = `${encode(headerOf(recorded))}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }

  function liveBody(body: Exchange['request']['body']): string | undefined {
    if (body === null) return undefined
    if (typeof body === 'string') return swap(body)
    const live = { ...body }
    if (live.api_key === 'zid_sk_REDACTED') live.api_key = apiKey
    if (live.client_secret === 'REDACTED') {
      live.client_secret = clientSecrets.get(String(live.client_id))
    }
    if (typeof live.actor_token === 'string') {
      live.actor_token = actorToken(live.actor_token)
    }
    if (typeof live.public_key_pem === 'string') {
      live.public_key_pem = newKey(live.public_key_pem, String(live.external_id))
    }
    return swap(JSON.stringify(live))
  }

  function liveHeaders({ name, request }: Exchange): Record<string, string> {
    return Object.fromEntries(
      Object.entries(request.headers).map(([header, value]) => {
        if (value !== 'Basic REDACTED') return [header, swap(value)]
        const secret = name.includes('wrong secret') ? 'wrong' : 'secret'
        return [header, `Basic ${Buffer.from(`gate:${secret}`).toString('base64')}`]
      }),
    )
  }

  function compareToken(name: string, live: string, recorded: string): void {
    const { header, claims } = recordedClaims[name] ?? {
      header: headerOf(recorded),
      claims: claimsOf(recorded),
    }
    expect(headerOf(live)).toEqual(header)
    const liveClaims = claimsOf(live)
    // Word for word and in order, once the ids are learnt.
    for (const id of ['jti', 'mission_id', 'nonce']) {
      const value = claims[id]
      if (value !== undefined) bind(String(value), String(liveClaims[id]))
    }
    expect(JSON.stringify(liveClaims)).toBe(swap(JSON.stringify(claims)))
    learnt.set(recorded, live)
  }

  /** Takes the volatile values of both bodies out, checking each as far as it can be checked. */
  function normalise(name: string, recorded: unknown, live: unknown, key = ''): unknown {
    if (Array.isArray(recorded) && Array.isArray(live)) {
      return recorded.map((item, index) => normalise(name, item, live[index]))
    }
    if (isRecord(recorded) && isRecord(live)) {
      return Object.fromEntries(
        Object.entries(recorded).map(([member, value]) => [
          member,
          normalise(name, value, live[member], member),
        ]),
      )
    }
    if (['id', 'identity_id', 'credential_policy_id', 'jti'].includes(key)) {
      bind(String(recorded), String(live))
      return live
    }
    if (/^(created_at|updated_at|timestamp)$/.test(key)) {
      // Times: any Go time, to the microsecond where the recorded one comes from the database.
      const digits = String(recorded).split('.')[1]?.length ?? 0
      const fraction = digits > 7 ? '(\\.\\d{1,9})?' : digits > 0 ? '(\\.\\d{1,6})?' : ''
      expect(live).toMatch(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d${fraction}Z$`))
      return live
    }
    const patterns: Record<string, RegExp> = {
      api_key: /^zid_sk_\w{32}$/,
      api_key_prefix: /^(zid_sk_\w{9})?$/,
      client_secret: /^[0-9a-f]{64}$/,
      uptime_ms: /^\d+$/,
      requestId: /^vm\/\w{10}-\d{6}$/,
      x: /^[\w-]{43}$/,
      y: /^[\w-]{43}$/,
      n: /^[\w-]{342}$/,
    }
    const pattern = patterns[key]
    if (pattern !== undefined) {
      expect(String(live)).toMatch(pattern)
      expect(live === '').toBe(recorded === '')
      return live
    }
    if (key === 'access_token') {
      compareToken(name, String(live), String(recorded))
      return live
    }
    return typeof recorded === 'string' ? JSON.parse(swap(JSON.stringify(recorded))) : recorded
  }

  async function run(exchange: Exchange): Promise<void> {
    const { name, request, response } = exchange
    setTime(timeOf(exchange))
    const body = liveBody(request.body)
    const headers = liveHeaders(exchange)
    const { method } = request
    const answer = await call(emulator.url + swap(request.path), { method, headers, body })

    expect(answer.status).toBe(response.status)
    const type = response.headers['content-type'] ?? ''
    const liveJson: unknown = answer.text === '' ? '' : JSON.parse(answer.text)
    if (isRecord(liveJson)) {
      if (typeof liveJson.api_key === 'string') apiKey = liveJson.api_key
      if (isRecord(request.body) && typeof liveJson.client_secret === 'string') {
        clientSecrets.set(String(request.body.client_id), liveJson.client_secret)
      }
    }
    const expected = normalise(name, response.body, liveJson)
    // As text: the order of the keys is part of the contract, and so is the space around them.
    const newline = type === '' || answer.text === '{"active":true}' ? '' : '\n'
    const text = expected === '' ? '' : JSON.stringify(expected)
    expect(answer.text).toBe(text + newline)
    compareHeaders(answer.headers, response.headers, answer.text)
  }

  function compareHeaders(
    live: Record<string, string>,
    recorded: Record<string, string>,
    text: string,
  ): void {
    const contract = (headers: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(headers)
          .filter(([header]) => contractHeaders.test(header))
          .map(([header, value]) => [
            header,
            // The recording hides the realm of the Basic challenge.
            swap(value).replace('Basic REDACTED', 'Basic realm='),
          ]),
      )
    const expected = contract(recorded)
    const got = contract(live)
    if (recorded['content-length'] !== undefined && live['content-length'] !== undefined) {
      // Lengths follow the issuer's and the times' lengths: checked against the body instead,
      // and word for word where the body holds neither.
      expect(Number(live['content-length'])).toBe(Buffer.byteLength(text))
      if (!/http|"(\w+_at|timestamp|access_token)"/.test(text)) {
        expect(live['content-length']).toBe(recorded['content-length'])
      }
      expected['content-length'] = live['content-length']
    }
    // The recorded answer to HEAD names no length; Node says 0.
    if (recorded['content-length'] === undefined) delete got['content-length']
    expect(got).toEqual(expected)
  }

  return { run, learnt, clientSecrets, compareToken }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

let lastTime = Date.parse('2026-11-22T05:09:50.231Z')

/** When the recorded answer was given, as far as it tells. */
function timeOf({ response }: Exchange): number {
  const { body } = response
  if (!isRecord(body)) return lastTime
  const created = body.updated_at ?? body.created_at
  if (typeof body.iat === 'number' && body.access_token !== undefined) {
    lastTime = Math.max(lastTime, body.iat * 1000 + 500)
  } else if (typeof created === 'string') {
    lastTime = Math.max(lastTime, Date.parse(created))
  }
  return lastTime
}

/** Rows of the recorded lists that were made before the recording began, oldest first. */
async function seed(emulator: Emulator, learnt: Map<string, string>): Promise<void> {
  const list = exchanges.find(({ name }) => name === 'identity by external id')!
  const rows = (list.response.body as { identities: Record<string, unknown>[] }).identities
  const signals = exchanges.find(({ name }) => name === 'signals list')!
  const older = (signals.response.body as { signals: Record<string, unknown>[] }).signals.slice(4)
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const headers = { ...admin, 'content-type': 'application/json' }
    const answer = await call(`${emulator.url}/api/v1${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    expect(answer.status).toBeLessThan(300)
    return JSON.parse(answer.text)
  }
  for (const row of rows.slice(1).reverse()) {
    const made = await post('/identities', row)
    learnt.set(String(row.id), String(made.id))
  }
  for (const signal of older.reverse()) {
    const identity = learnt.get(String(signal.identity_id))!
    if (signal.signal_type === 'retirement') {
      await post(`/agents/registry/${identity}/deactivate`, {})
    } else {
      await post('/signals/ingest', { ...signal, identity_id: identity })
    }
  }
}

/** The client of the DPoP exchange, whose registration was not recorded. */
async function seedDpopClient(emulator: Emulator): Promise<string> {
  const headers = { ...admin, 'content-type': 'application/json' }
  const identity = {
    external_id: dpopClient,
    name: 'pop',
    sub_type: 'tool_agent',
    trust_level: 'first_party',
    owner_user_id: 'o',
  }
  const client = {
    client_id: dpopClient,
    name: 'pop',
    confidential: true,
    grant_types: ['client_credentials'],
  }
  const base = `${emulator.url}/api/v1`
  await call(`${base}/identities`, { method: 'POST', headers, body: JSON.stringify(identity) })
  const path = `${base}/oauth/clients`
  const made = await call(path, { method: 'POST', headers, body: JSON.stringify(client) })
  return JSON.parse(made.text).client_secret
}

describe('the recorded conversation', async () => {
  let time = Date.parse('2026-11-22T04:46:49.700Z')
  const setTime = (epochMs: number) => {
    time = epochMs
  }
  const now = () => time
  const plain = await startEmulator({ now })
  const introspectionClient = { id: 'gate', secret: 'secret' }
  const strict = await startEmulator({ now, introspectionClient })
  afterAll(async () => {
    await plain.close()
    await strict.close()
  })

  const replay = createReplay(plain, setTime)
  const strictReplay = createReplay(strict, setTime)
  await seed(plain, replay.learnt)
  strictReplay.clientSecrets.set(dpopClient, await seedDpopClient(strict))

  for (const exchange of exchanges) {
    const { name } = exchange
    it(`gives the recorded answer to "${name}"`, async () => {
      // What was registered beside the recording, at the time it was needed.
      if (name === 'token: DPoP-bound') {
        replay.clientSecrets.set(dpopClient, await seedDpopClient(plain))
        await strictReplay.run(exchange)
      }
      if (name.startsWith('verify: proof token')) {
        setTime(1_795_327_945_500)
        const agent = await plain.agent({ name: 'pf-mwrfwjz0' })
        const recorded = exchange.request.headers.Authorization!.slice('Bearer '.length)
        replay.compareToken('proof token', await plain.proofToken(agent), recorded)
      }
      await (name.includes('strict server') ? strictReplay : replay).run(exchange)
    })
  }
})
