import { valuesOf } from '../client.ts'
import { identityLines } from '../identity.ts'
import type { Probe, Site } from '../probe.ts'
import { bearer, echoOf, isFinding, refusedWith, websocket } from '../probe.ts'

const handshake = ['Connection', 'Upgrade', ...websocket]

const body = 'a body of a few words, '.repeat(2_000)

/** What a good caller sends must arrive whole. */
export const trafficProbes: readonly Probe[] = [
  {
    id: 'body',
    title: 'a POST body with a length arrives whole',
    run: (site) => posted(site, false),
  },
  {
    id: 'body-chunked',
    title: 'a chunked POST body arrives whole',
    run: (site) => posted(site, true),
  },
  {
    id: 'big-headers',
    title: '20 KB of headers pass, 16 KB of them in one',
    async run(site) {
      const big = ['X-Doctor', 'x'.repeat(16_000), 'X-Doctor-Too', 'x'.repeat(4_000)]
      const answer = await site.client.send({ headers: [...bearer(site), ...big] })
      if (answer.status !== 200) {
        return { problem: `${answer.status} to 20 KB of headers`, fix: 'big-headers' }
      }
      const echo = echoOf(answer)
      if (isFinding(echo)) return echo
      const [one = '', two = ''] = [
        ...valuesOf(echo.headers, 'X-Doctor'),
        ...valuesOf(echo.headers, 'X-Doctor-Too'),
      ]
      if (one.length === 16_000 && two.length === 4_000) return undefined
      return { problem: 'the backend did not get them all', fix: 'big-headers' }
    },
  },
  {
    id: 'proof',
    title: 'a DPoP proof reaches the gate, and the backend too',
    needs: 'gate',
    async run(site, gate) {
      gate.clear()
      const sent = ['DPoP', 'proof-by-doctor']
      const echo = echoOf(await site.client.send({ headers: [...bearer(site), ...sent] }))
      if (isFinding(echo)) return echo
      for (const [who, got] of [
        ['gate', gate.seen()[0]?.headers ?? []],
        ['backend', echo.headers],
      ] as const) {
        if (valuesOf(got, 'DPoP').join() === 'proof-by-doctor') continue
        return { problem: `the client's DPoP header did not reach the ${who}`, fix: 'proof' }
      }
      return undefined
    },
  },
  {
    id: 'preflight',
    title: 'a CORS preflight reaches the gate, and the backend where the gate lets it',
    needs: 'gate',
    async run(site, gate) {
      gate.clear()
      const sent = ['Origin', 'https://doctor.invalid', 'Access-Control-Request-Method', 'PUT']
      const headers = [...bearer(site), ...sent]
      const echo = echoOf(await site.client.send({ method: 'OPTIONS', headers }))
      if (isFinding(echo)) return { ...echo, fix: 'preflight' }
      const got = gate.seen()[0]?.headers ?? []
      const lost = ['Origin', 'Access-Control-Request-Method'].find(
        (name) => valuesOf(got, name).join() !== sent[sent.indexOf(name) + 1],
      )
      if (lost === undefined) return undefined
      return { problem: `the client's ${lost} did not reach the gate`, fix: 'preflight' }
    },
  },
  {
    id: 'websocket',
    title: 'a WebSocket handshake passes with a token',
    async run(site) {
      const answer = await site.client.send({ headers: [...bearer(site), ...handshake] })
      if (answer.status !== 101) {
        return { problem: `${answer.status} to a handshake with a token`, fix: 'websocket' }
      }
      const echo = echoOf(answer)
      if (isFinding(echo)) return echo
      if (identityLines(echo.headers).length > 0) return undefined
      return { problem: 'the handshake reached the backend without identity', fix: 'copy' }
    },
  },
  {
    id: 'websocket-without-token',
    title: 'a WebSocket handshake without a token is refused',
    async run({ client }) {
      const answer = await client.send({ headers: handshake })
      return refusedWith(answer, 401, 'check', 'a handshake without a token')
    },
  },
]

async function posted(site: Site, chunked: boolean): ReturnType<Probe['run']> {
  const headers = [...bearer(site), 'Content-Type', 'text/plain']
  const answer = await site.client.send({ method: 'POST', headers, body, chunked })
  const echo = echoOf(answer)
  if (isFinding(echo)) return echo
  if (echo.method === 'POST' && echo.body === body) return undefined
  const got = `${echo.method} with ${echo.body.length} bytes`
  return { problem: `the backend got ${got} for POST with ${body.length}`, fix: 'body' }
}
