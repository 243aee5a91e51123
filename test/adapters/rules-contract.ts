import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ZeroidOptions } from '../../src/adapters/options.ts'
import type { Emulator, MintOptions } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import { createGate } from '../../src/gate.ts'
import type { PolicyDocument } from '../../src/policy/policy.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { exchange, headerIn } from '../helpers/raw.ts'
import { createRecorder } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'
import type { App, Framework, Who } from './app.ts'

const rules: PolicyDocument = {
  version: 1,
  routes: [
    { name: 'health', match: { path: '/scope' }, allow: 'anonymous' },
    {
      name: 'who',
      match: { path: '/who', methods: ['GET'] },
      allow: 'preflight',
      require: { scopes: { all: ['data:read', 'data:write'] } },
    },
    { name: 'echo', match: { path: '/echo' }, require: { dpop: 'required' } },
    { name: 'sub', match: { path: '/sub/**' }, require: { trust: 'first_party' } },
    { name: 'shadow', match: { path: '/depth' }, require: { tools: ['x'] }, shadow: true },
  ],
}

const anonymousWho = {
  policy: {
    version: 1,
    routes: [{ name: 'open', match: { path: '/who' }, allow: 'anonymous' }],
  },
}

/** What the rules and proofs of possession come to, in every framework. */
export function rulesContract(framework: Framework): void {
  let zeroid: Emulator
  beforeAll(async () => {
    zeroid = await startEmulator()
  })
  afterAll(() => zeroid.close())
  const key = makeProofKey()
  const mint = (options?: MintOptions): Promise<string> => zeroid.mint(options)

  async function start(adapter: object = { policy: rules }, gate: Partial<GateOptions> = {}) {
    const recorder = createRecorder()
    const routes: string[] = []
    const observer = {
      ...recorder,
      verdict: (_verdict: unknown, _seconds: number, route?: string) =>
        void routes.push(`${route}`),
      passed: (route: string, why: string) => void routes.push(`${route} ${why}`),
      shadow: (route: string, refusal: { reason: string }) =>
        void routes.push(`${route} ${refusal.reason}`),
    }
    const engine = createGate({ url: zeroid.url, observer, ...gate })
    onTestFinished(() => engine.close())
    await engine.started
    const app = await framework.start({ options: { gate: engine, ...adapter } as ZeroidOptions })
    return { app, routes, recorder, gate: engine }
  }

  const ask = (
    app: App,
    path: string,
    token?: string,
    { headers = {}, ...init }: RequestInit & { headers?: Record<string, string> } = {},
  ): Promise<Response> => {
    const credentials = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return fetch(app.url + path, { ...init, headers: { ...credentials, ...headers } })
  }

  /** A request with a token bound to the key, and a proof for it. */
  async function prove(
    app: App,
    path: string,
    { changed = {}, body, method = 'POST', headers = {} }: ProofRequest = {},
  ): Promise<Response> {
    const token = await mint({ boundTo: key.thumbprint })
    const parts = { key, method, url: app.url + path, token, ...changed }
    return await fetch(app.url + path, {
      method,
      ...(body === undefined ? {} : { body }),
      headers: { authorization: `DPoP ${token}`, dpop: proof(parts), ...headers },
    })
  }

  describe(`${framework.name}: rules`, () => {
    test('an anonymous route needs no token, and tells of nobody', async () => {
      const { app, routes } = await start(anonymousWho)
      for (const token of [undefined, await mint(), 'rubbish']) {
        const answer = await ask(app, '/who', token)
        expect(answer.status).toBe(200)
        expect(((await answer.json()) as Who).anonymous).toBe(true)
      }
      expect(routes).toEqual(Array(3).fill('open anonymous'))
      expect(app.ran.filter((name) => name === 'who')).toHaveLength(3)
    })

    test('a guard of the app asks for a token on an anonymous route all the same', async () => {
      const { app, routes } = await start()
      const answer = await ask(app, '/scope')
      expect([answer.status, await answer.text()]).toEqual([401, '{"error":"missing_token"}\n'])
      expect(routes).toEqual(['health anonymous'])
      expect(app.ran).toEqual(['middleware'])
    })

    test('a route names exactly the scopes that are missing', async () => {
      const { app, routes } = await start()
      const answer = await ask(app, '/who', await mint({ scopes: ['data:read'] }))
      expect(answer.status).toBe(403)
      expect(answer.headers.get('www-authenticate')).toContain('scope="data:write"')
      expect(await answer.text()).toBe('{"error":"insufficient_scope"}\n')
      expect(app.ran).toEqual([])
      const good = await mint({ scopes: ['data:read', 'data:write'] })
      expect((await ask(app, '/who', good)).status).toBe(200)
      expect(routes).toEqual(['who', 'who'])
    })

    test('what no route matches is refused, whoever asks', async () => {
      const { app } = await start()
      for (const token of [undefined, await mint()]) {
        const answer = await ask(app, '/trust', token)
        expect([answer.status, await answer.text()]).toEqual([403, '{"error":"access_denied"}\n'])
      }
      expect(app.ran).toEqual([])
    })

    test.each(['/WHO', '/who/', '/wh%6F/', '//who', '/a/../who', '/who;x', '/%2e/who', '/who%00'])(
      'refuses %s, which some backend may serve as /who',
      async (path) => {
        const { app } = await start({
          policy: { ...rules, routes: [...rules.routes, { match: { path: '/**' } }] },
        })
        const lines = [`GET ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${await mint()}`]
        const [answer] = await exchange(app.url, `${lines.join('\r\n')}\r\n\r\n`, 1)
        expect(answer?.status).toBe(403)
        expect(app.ran).toEqual([])
      },
    )

    test('the path before a sub-app took its prefix away is judged', async () => {
      const { app } = await start()
      const agent = await zeroid.agent({ trustLevel: 'unverified' })
      const answer = await ask(app, '/sub/who', await mint({ agent }))
      expect(answer.status).toBe(403)
      expect(answer.headers.get('www-authenticate')).toMatch(
        /^Bearer error="insufficient_trust", trust_level="first_party", /,
      )
      expect((await ask(app, '/sub/who', await mint())).status).toBe(200)
    })

    test('a preflight passes where a route says so, and only a true one', async () => {
      const { app, routes } = await start()
      const headers = { origin: 'https://a.example', 'access-control-request-method': 'GET' }
      expect((await ask(app, '/who', undefined, { method: 'OPTIONS', headers })).status).toBe(200)
      const asking = { ...headers, 'access-control-request-method': 'DELETE' }
      for (const sent of [asking, { origin: 'https://a.example' }, {}]) {
        const answer = await ask(app, '/who', undefined, { method: 'OPTIONS', headers: sent })
        expect(answer.status).toBe(403)
      }
      expect(routes[0]).toBe('who preflight')
    })

    test('a route in shadow refuses nobody, and says whom it would have refused', async () => {
      const { app, routes } = await start()
      expect((await ask(app, '/depth', await mint())).status).toBe(200)
      expect(routes).toEqual(['shadow tool_not_allowed', 'shadow'])
      expect((await ask(app, '/depth')).status).toBe(401)
    })

    test('what a proxy may have said of the request is not read', async () => {
      const { app } = await start()
      const headers = { 'x-forwarded-uri': '/scope', 'x-original-uri': '/scope' }
      expect((await ask(app, '/trust', await mint(), { headers })).status).toBe(403)
    })

    test('reserved headers are gone on anonymous routes too', async () => {
      const { app } = await start(anonymousWho)
      const headers = { 'x-zeroid-proof': 'verified', x_zeroid_owner: 'me', 'x-mine': 'stays' }
      const answer = await ask(app, '/who', undefined, { headers })
      expect(answer.status).toBe(200)
      const { names } = (await answer.json()) as Who
      expect(names).toContain('x-mine')
      expect(names.filter((name) => /zeroid/i.test(name))).toEqual([])
    })

    test('a file is followed, and a bad one leaves the old rules', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'rules-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const file = join(folder, 'policy.yaml')
      await writeFile(file, 'version: 1\nroutes: [{ match: { path: /** } }]\n')
      const { app, recorder } = await start({ policy: file })
      const token = await mint()
      expect((await ask(app, '/who', token)).status).toBe(200)
      await writeFile(file, 'version: 1\nroutes: []\n')
      await until(async () => (await ask(app, '/who', token)).status === 403)
      await writeFile(file, 'version: 2\n')
      await until(() => recorder.notes.some(({ message }) => message.includes('of before')))
      expect((await ask(app, '/who', token)).status).toBe(403)
    })

    test('rules that cannot be used stop the start', () => {
      const { url } = zeroid
      const make = (policy: unknown) => () => framework.zeroid({ url, policy } as ZeroidOptions)
      expect(make({ version: 2, routes: [] })).toThrow(/version/)
      expect(make('/no/such/policy.yaml')).toThrow(/ENOENT/)
      const both = { url, optional: true, policy: rules } as ZeroidOptions
      expect(() => framework.zeroid(both)).toThrow(TypeError)
    })
  })

  describe(`${framework.name}: proofs of possession`, () => {
    test('a good proof passes, once', async () => {
      const { app } = await start({})
      const token = await mint({ boundTo: key.thumbprint })
      const url = `${app.url}/who`
      const headers = { authorization: `DPoP ${token}`, dpop: proof({ key, url, token }) }
      expect((await fetch(url, { headers })).status).toBe(200)
      const again = await fetch(url, { headers })
      expect([again.status, await again.text()]).toEqual([401, '{"error":"invalid_dpop_proof"}\n'])
      expect(again.headers.get('www-authenticate')).toMatch(
        /, DPoP error="invalid_dpop_proof", algs="ES256 /,
      )
      expect(app.ran.filter((name) => name === 'who')).toHaveLength(1)
    })

    test('a bound token is no bearer token', async () => {
      const { app } = await start({})
      const token = await mint({ boundTo: key.thumbprint })
      expect((await ask(app, '/who', token)).status).toBe(401)
    })

    test.each<[string, Partial<Parameters<typeof proof>[0]>]>([
      ['another method', { method: 'PUT' }],
      ['another path', { url: 'http://127.0.0.1/other' }],
      ['another host', { url: 'http://other.example/echo' }],
      ['another token', { token: 'x' }],
      ['another key', { key: makeProofKey() }],
    ])('a proof for %s is refused', async (_title, changed) => {
      const { app } = await start({})
      expect((await prove(app, '/echo', { changed, body: '' })).status).toBe(401)
      expect(app.ran).toEqual([])
    })

    test('a route may require one', async () => {
      const { app } = await start()
      const init = { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }
      expect((await ask(app, '/echo', await mint(), init)).status).toBe(401)
      expect(app.ran).toEqual([])
    })

    test('the public URL stands for what a proxy changed', async () => {
      const { app } = await start({}, { publicUrl: 'https://api.example.com/v1' })
      const changed = { url: 'https://api.example.com/v1/who' }
      expect((await prove(app, '/who', { changed, method: 'GET' })).status).toBe(200)
    })

    test('a nonce is handed out with the refusal', async () => {
      const { app } = await start({}, { dpopNonce: true })
      const first = await prove(app, '/who', { method: 'GET' })
      expect([first.status, await first.text()]).toEqual([401, '{"error":"use_dpop_nonce"}\n'])
      const nonce = first.headers.get('dpop-nonce') ?? ''
      const second = await prove(app, '/who', { method: 'GET', changed: { nonce } })
      expect(second.status).toBe(200)
    })

    const text = { 'content-type': 'text/plain' }
    test.each([['short'], ['a'.repeat(100_000)], ['']])(
      'a body that the proof names is compared, and still there (%#)',
      async (body) => {
        const { app } = await start({})
        const good = await prove(app, '/echo', { changed: { body }, body, headers: text })
        expect(good.status).toBe(200)
        if (body !== '') expect(await good.text()).toBe(body)
      },
    )

    test('another body than the proof names is refused, and no handler runs', async () => {
      const { app } = await start({})
      const bad = await prove(app, '/echo', { changed: { body: 'a' }, body: 'b', headers: text })
      expect([bad.status, await bad.text()]).toEqual([401, '{"error":"invalid_dpop_proof"}\n'])
      expect(app.ran).toEqual([])
    })

    test('a larger body than is read for a proof is 413', async () => {
      const { app } = await start({ bodyLimit: 10 })
      const body = 'a'.repeat(11)
      const answer = await prove(app, '/echo', { changed: { body }, body, headers: text })
      expect(answer.status).toBe(413)
      expect(app.ran).toEqual([])
    })

    test('two Host headers hide what was asked for, and the proof is refused', async () => {
      const { app } = await start({})
      const token = await mint({ boundTo: key.thumbprint })
      const lines = [
        'GET /who HTTP/1.1',
        `Host: ${new URL(app.url).host}`,
        'Host: other.example',
        `Authorization: DPoP ${token}`,
        `DPoP: ${proof({ key, url: `${app.url}/who`, token })}`,
        'Connection: close',
      ]
      const [answer] = await exchange(app.url, `${lines.join('\r\n')}\r\n\r\n`, 1)
      expect(answer?.status).toBeGreaterThanOrEqual(400)
      expect(answer && headerIn(answer, 'x-zeroid-proof')).toBeUndefined()
      expect(app.ran).toEqual([])
    })
  })
}

interface ProofRequest {
  readonly changed?: Partial<Parameters<typeof proof>[0]>
  readonly body?: string
  readonly method?: string
  readonly headers?: Record<string, string>
}
