import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/observe/metrics.ts'
import { combineObservers } from '../../src/observe/observer.ts'
import { policyFrom } from '../../src/policy/document.ts'
import type { RouteDocument } from '../../src/policy/policy.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import type { Stack } from '../helpers/stack.ts'
import { createRecorder, startStack } from '../helpers/stack.ts'

const key = makeProofKey()
const algs = 'algs="ES256 ES384 ES512 EdDSA PS256 PS384 PS512 RS256 RS384 RS512"'
const routes: readonly RouteDocument[] = [
  { name: 'must', match: { path: '/must' }, require: { dpop: 'required' } },
  { name: 'also', match: { path: '/also' }, require: { dpop: 'required' } },
  { name: 'tried', match: { path: '/tried' }, require: { dpop: 'required' }, shadow: true },
  { name: 'scope', match: { path: '/scope' }, require: { scopes: { all: ['tools:execute'] } } },
  { name: 'trust', match: { path: '/trust' }, require: { trust: 'first_party' } },
  { match: { path: '/**' } },
]

async function start(options: Parameters<typeof startStack>[0] = {}): Promise<Stack> {
  const rules = policyFrom({ version: 1, routes })
  return await startStack(options, {}, { policy: { current: () => rules } })
}

function ask(stack: Stack, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return stack.verify({
    'x-forwarded-method': 'GET',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'api.example.com',
    'x-forwarded-uri': path,
    ...headers,
  })
}

const provedFor = (token: string, path: string): Record<string, string> => ({
  authorization: `DPoP ${token}`,
  dpop: proof({ key, url: `https://api.example.com${path}`, token }),
})

const gist = (answer: Response): string =>
  `${answer.status} ${answer.headers.get('x-zeroid-problem') ?? ''}`.trim()

describe('with GATE_DPOP=off', () => {
  test('a route that requires a proof lets nobody in, and says so once', async () => {
    const recorder = createRecorder()
    const metrics = createMetrics()
    const stack = await start({
      dpop: false,
      observer: combineObservers(recorder, metrics.observer),
    })
    const bound = await stack.zeroid.mint({ boundTo: key.thumbprint })
    for (const token of [await stack.zeroid.mint(), bound, bound]) {
      for (const path of ['/must', '/also']) {
        const answer = await ask(stack, path, { authorization: `Bearer ${token}` })
        expect(gist(answer)).toBe('403 {"error":"access_denied"}')
        expect(answer.headers.get('www-authenticate')).not.toContain('DPoP')
      }
    }
    const told = recorder.notes.filter(({ message }) => message.includes('GATE_DPOP'))
    expect(told).toMatchObject([
      { level: 'error', fields: { route: 'must' } },
      { level: 'error', fields: { route: 'also' } },
    ])
    expect(await metrics.render()).toContain(
      'zeroid_gate_verdicts_total{outcome="deny",reason="proofs_off"} 6',
    )
  })

  test('a token that is no good is told so there as everywhere', async () => {
    const stack = await start({ dpop: false })
    const answer = await ask(stack, '/must', { authorization: 'Bearer a.b.c' })
    expect(gist(answer)).toBe('401 {"error":"invalid_token"}')
    expect(answer.headers.get('www-authenticate')).not.toContain('DPoP')
    expect((await ask(stack, '/must')).headers.get('www-authenticate')).not.toContain('DPoP')
  })

  test('every other route lets in whom it would, also one in shadow', async () => {
    const stack = await start({ dpop: false })
    const token = await stack.zeroid.mint({ boundTo: key.thumbprint })
    for (const path of ['/tried', '/x']) {
      expect((await ask(stack, path, { authorization: `Bearer ${token}` })).status).toBe(200)
    }
  })
})

describe('the challenge', () => {
  const metadataOf = ({ zeroid }: Stack): string =>
    `resource_metadata="${zeroid.url}/.well-known/oauth-protected-resource"`

  test('for a caller under DPoP who lacks something names both schemes', async () => {
    const stack = await start()
    const token = await stack.zeroid.mint({
      boundTo: key.thumbprint,
      claims: { trust_level: 'unverified' },
    })
    const rows = [
      ['/scope', 'insufficient_scope', 'scope="tools:execute", '],
      ['/trust', 'insufficient_trust', 'trust_level="first_party", '],
    ] as const
    for (const [path, code, lacking] of rows) {
      const answer = await ask(stack, path, provedFor(token, path))
      expect(gist(answer)).toBe(`403 {"error":"${code}"}`)
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer error="${code}", ${lacking}${metadataOf(stack)}, ` +
          `DPoP error="${code}", ${lacking}${algs}`,
      )
    }
  })

  test('for a bearer who lacks something is as it was', async () => {
    const stack = await start()
    const authorization = `Bearer ${await stack.zeroid.mint()}`
    const answer = await ask(stack, '/scope', { authorization })
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer error="insufficient_scope", scope="tools:execute", ${metadataOf(stack)}`,
    )
  })

  test('for a caller under DPoP of whose request too little is told names both schemes', async () => {
    const stack = await startStack()
    const token = await stack.zeroid.mint({ boundTo: key.thumbprint })
    const answer = await stack.verify(provedFor(token, '/x'))
    expect(answer.status).toBe(403)
    expect(answer.headers.get('www-authenticate')).toContain(
      `, DPoP error="access_denied", ${algs}`,
    )
  })

  test('without a token asks for a proof where the route does (RFC 9449 §7.1)', async () => {
    const stack = await start()
    const plain = `Bearer error="missing_token", ${metadataOf(stack)}`
    const asked = async (path: string): Promise<string | null> =>
      (await ask(stack, path)).headers.get('www-authenticate')
    expect(await asked('/must')).toBe(`${plain}, DPoP ${algs}`)
    expect(await asked('/x')).toBe(plain)
    expect(await asked('/tried')).toBe(plain)
  })

  test('where the route asks for a proof says so of any token that is no good', async () => {
    const stack = await start({ mode: 'live' })
    const token = await stack.zeroid.mint()
    const authorization = `Bearer ${token}`
    // Cold, warm, and warm and revoked.
    expect((await ask(stack, '/x', { authorization })).status).toBe(200)
    await stack.zeroid.revoke(token)
    for (const value of ['Bearer a.b.c', 'Bearer a b', authorization]) {
      const answer = await ask(stack, '/must', { authorization: value })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(
        /^Bearer error="\w+", .*, DPoP error="/,
      )
    }
  })
})

describe('a request that goes through the gate twice', () => {
  test('passes with the proof that it passed with, and no other one does', async () => {
    const { gate, zeroid } = await startStack()
    const token = await zeroid.mint({ boundTo: key.thumbprint })
    const { authorization = '', dpop = '' } = provedFor(token, '/x')
    const rawHeaders = ['Authorization', authorization, 'DPoP', dpop]
    const target = {
      method: 'GET',
      scheme: 'https',
      host: 'api.example.com',
      path: '/x',
      preflightFor: undefined,
    } as const
    const [plain, strict] = [gate.terms({}), gate.terms({ proof: 'required' })]
    const request = { rawHeaders }
    for (const terms of [plain, strict, plain]) {
      expect(await gate.check(request, terms, target)).toMatchObject({ outcome: 'allow' })
    }
    for (const terms of [plain, strict]) {
      expect(await gate.check({ rawHeaders }, terms, target)).toMatchObject({
        reason: 'dpop_replay_detected',
      })
    }
  })
})
