import { valuesOf } from '../client.ts'
import type { Probe } from '../probe.ts'
import { bearer, echoOf, isFinding, refusedWith } from '../probe.ts'

const claimedUri = '/public/claimed-by-doctor'

/** Everything in which a client could say what it wants to have asked for. */
const claimed = [
  ['X-Forwarded-Uri', claimedUri],
  ['X-Forwarded-Method', 'OPTIONS'],
  ['X-Forwarded-Prefix', claimedUri],
  ['X-Original-URI', claimedUri],
  ['X-Original-URL', `http://doctor.invalid${claimedUri}`],
  ['X-Original-Method', 'OPTIONS'],
  ['X-Rewrite-URL', claimedUri],
  ['Forwarded', 'for=203.0.113.9;host=doctor.invalid;proto=https'],
] as const

const paths = [
  '/public/../x',
  '/public/%2e%2e/x',
  '/public/..%2fx',
  '/public/%2e%2e%2fx',
  '/..;/x',
  '//x',
  '/./x',
  '/x%00',
  '/x%23y',
  '/health',
  '/ready',
  '/metrics',
  '/oauth2/token/verify',
  '/oauth2/token/verify/../../../x',
  '/_zeroid_gate',
  '/ext-authz',
  '/.well-known/x',
  '/favicon.ico',
] as const

const methods = ['OPTIONS', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'] as const

/** Ways around the check. */
export const bypassProbes: readonly Probe[] = [
  {
    id: 'claimed-uri',
    title: 'a client cannot tell the gate which path and method it asks for',
    needs: 'gate',
    async run(site, gate) {
      gate.clear()
      const target = '/orders/a%2Fb'
      const headers = [...bearer(site), ...claimed.flat()]
      const echo = echoOf(await site.client.send({ method: 'POST', target, body: 'x', headers }))
      if (isFinding(echo)) return echo
      const [request] = gate.seen()
      const lie = claimed.find(([name, value]) =>
        valuesOf(request?.headers ?? [], name).some((got) => got.includes(value)),
      )
      if (lie !== undefined) {
        const [header] = lie
        const problem = `the client's own ${header} reached the gate`
        const own = header === 'X-Forwarded-Uri' || header === 'X-Forwarded-Method'
        return { problem, fix: own ? 'forwarded' : 'claimed', header }
      }
      const told = [
        valuesOf(request?.headers ?? [], 'X-Forwarded-Method').join(),
        valuesOf(request?.headers ?? [], 'X-Forwarded-Uri').join(),
      ].join(' ')
      if (told === `POST ${target}`) return undefined
      return { problem: `the gate was told "${told}" of POST ${target}`, fix: 'forwarded' }
    },
  },
  {
    id: 'claimed-uri-without-token',
    title: 'a claimed path or method is no substitute for a token',
    async run({ client }) {
      const answer = await client.send({ headers: claimed.flat() })
      return refusedWith(answer, 401, 'check', 'a claimed path without a token')
    },
  },
  {
    id: 'query',
    title: "the client's query never becomes the gate's query",
    needs: 'gate',
    async run(site, gate) {
      gate.clear()
      const target = '/orders?token=doctor&x=1'
      const echo = echoOf(await site.client.send({ target, headers: bearer(site) }))
      if (isFinding(echo)) return echo
      if (echo.target !== target) {
        return { problem: `the backend got ${echo.target} for ${target}`, fix: 'backend' }
      }
      const got = gate.seen()[0]?.target ?? ''
      if (!got.includes('doctor')) return undefined
      return { problem: `the gate was asked for ${got}`, fix: 'query' }
    },
  },
  {
    id: 'cookies',
    title: "the client's cookies stay away from the gate and reach the backend",
    needs: 'gate',
    async run(site, gate) {
      gate.clear()
      const headers = [...bearer(site), 'Cookie', 'session=doctor']
      const echo = echoOf(await site.client.send({ headers }))
      if (isFinding(echo)) return echo
      if (valuesOf(echo.headers, 'Cookie').length === 0) {
        return { problem: 'the backend got no cookie', fix: 'backend' }
      }
      if (valuesOf(gate.seen()[0]?.headers ?? [], 'Cookie').length === 0) return undefined
      return { problem: 'the gate got the cookies', fix: 'cookies' }
    },
  },
  {
    id: 'token-in-query',
    title: 'a token in the query, in a cookie or in another header is no token',
    async run(site) {
      const headers = ['Cookie', `access_token=${site.token}`, 'X-Access-Token', site.token]
      const answer = await site.client.send({ target: `/?access_token=${site.token}`, headers })
      return refusedWith(answer, 401, 'check', 'a token outside Authorization')
    },
  },
  {
    id: 'several-authorizations',
    title: 'of two Authorization headers neither is believed',
    async run(site) {
      const headers = [...bearer(site), 'Authorization', 'Bearer another']
      const answer = await site.client.send({ headers })
      // Some proxies refuse this themselves.
      if (answer.status === 400) return undefined
      return refusedWith(answer, 401, 'several', 'two Authorization headers')
    },
  },
  {
    id: 'paths',
    title: 'no path goes around the check, however it is written',
    async run({ client }) {
      for (const target of paths) {
        const answer = await client.send({ target })
        // A proxy may refuse an odd path (400) or tell the client the plain one (30x, 404).
        if (answer.status === 400 || answer.status === 404) continue
        const finding = refusedWith(answer, 401, 'path', `${target} without a token`)
        if (finding !== undefined) return finding
      }
      return undefined
    },
  },
  {
    id: 'methods',
    title: 'every method is checked, OPTIONS too',
    async run({ client }) {
      for (const method of methods) {
        const answer = await client.send({ method })
        const finding = refusedWith(answer, 401, 'method', `${method} without a token`)
        if (finding !== undefined) return finding
      }
      return undefined
    },
  },
  {
    id: 'health-checkers',
    title: 'no User-Agent is let in unseen',
    async run({ client }) {
      for (const agent of ['kube-probe/1.30', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0']) {
        const answer = await client.send({ headers: ['User-Agent', agent] })
        const finding = refusedWith(answer, 401, 'check', `${agent} without a token`)
        if (finding !== undefined) return finding
      }
      return undefined
    },
  },
]
