import { identityHeaderNames } from '../../http/identity-headers.ts'
import type { FixId } from '../advice.ts'
import { valuesOf } from '../client.ts'
import {
  forgedHeaders,
  forgedNames,
  forgedValue,
  identityLines,
  isIdentityHeader,
} from '../identity.ts'
import type { Finding, Probe, Site } from '../probe.ts'
import { bearer, echoOf, isFinding, refusedWith, websocket } from '../probe.ts'

const spellings = [
  { name: 'dash', separator: '-' },
  { name: 'underscore', separator: '_' },
  { name: 'dot', separator: '.' },
] as const

/** Identity headers that the client made up. */
export const forgeryProbes: readonly Probe[] = [
  {
    id: 'identity',
    title: 'the backend gets exactly the identity headers of the verdict',
    needs: 'gate',
    async run(site, gate) {
      const echo = echoOf(await site.client.send({ headers: bearer(site) }))
      if (isFinding(echo)) return echo
      const expected = identityLines(await gate.verdict(site.token))
      return differs(identityLines(echo.headers), expected)
    },
  },
  ...spellings.flatMap(({ name, separator }): Probe[] => [
    {
      id: `forged-${name}`,
      title: `identity headers forged with "${separator}" do not reach the backend`,
      run: (site) => forged(site, forgedHeaders(separator)),
    },
    {
      id: `forged-${name}-without-token`,
      title: `identity headers forged with "${separator}" are no substitute for a token`,
      async run(site) {
        const answer = await site.client.send({ headers: forgedHeaders(separator) })
        return refusedWith(answer, 401, 'check', 'forged identity headers without a token')
      },
    },
  ]),
  {
    id: 'forged-twice',
    title: 'identity headers sent several times, in mixed spellings, do not reach the backend',
    run: (site) =>
      forged(
        site,
        identityHeaderNames.flatMap((name) => {
          const mixed = name.replace('-', '_')
          return [name, forgedValue, name.toUpperCase(), forgedValue, mixed, forgedValue]
        }),
      ),
  },
  {
    id: 'forged-trailer',
    title: 'identity headers forged in a trailer do not become headers',
    async run(site) {
      const trailers = identityHeaderNames.map((name): [string, string] => [name, forgedValue])
      const request = { method: 'POST', body: 'hello', chunked: true, trailers }
      const echo = echoOf(await site.client.send({ ...request, headers: bearer(site) }))
      if (isFinding(echo)) return echo
      // What stays a trailer is no header to anybody (RFC 9110 §6.5.1).
      const names = forgedNames(echo.headers)
      return names.length === 0 ? undefined : cameThrough(names, 'strip-trailers')
    },
  },
  {
    id: 'neighbours',
    title: 'headers that only look alike are left alone',
    async run(site) {
      const alike = ['X-Forwarded-User-Agent', 'X-Forwarded-Users']
      const headers = alike.flatMap((name) => [name, 'kept'])
      const echo = echoOf(await site.client.send({ headers: [...bearer(site), ...headers] }))
      if (isFinding(echo)) return echo
      const lost = alike.filter((name) => valuesOf(echo.headers, name).join() !== 'kept')
      if (lost.length === 0) return undefined
      return { problem: `the client's ${lost.join(', ')} did not reach the backend`, fix: 'strip' }
    },
  },
  {
    id: 'connection-lists-identity',
    title: 'a Connection header that lists the identity headers takes nothing away',
    async run(site) {
      const plain = echoOf(await site.client.send({ headers: bearer(site) }))
      if (isFinding(plain)) return plain
      const names = identityHeaderNames.join(', ')
      for (const listed of [
        ['Connection', `keep-alive, ${names}`],
        ['Connection', `${names}, Upgrade`, ...websocket],
        ['Connection', names, 'Connection', 'Upgrade', ...websocket],
      ]) {
        const answer = await site.client.send({ headers: [...bearer(site), ...listed] })
        // A proxy may refuse such a list.
        if (answer.status === 400) continue
        const echo = echoOf(answer)
        if (isFinding(echo)) return echo
        const lost = identityLines(plain.headers).filter(
          (line) => !identityLines(echo.headers).includes(line),
        )
        if (lost.length === 0) continue
        const problem = `a Connection header of the client took "${lost.join('", "')}" away`
        return { problem, fix: 'connection' }
      }
      return undefined
    },
  },
]

async function forged(site: Site, headers: readonly string[]): Promise<Finding | undefined> {
  const echo = echoOf(await site.client.send({ headers: [...bearer(site), ...headers] }))
  if (isFinding(echo)) return echo
  const names = forgedNames(echo.headers)
  if (names.length > 0) return cameThrough(names)
  return twice(echo.headers)
}

/** The plain names are stripped by other lines than the other spellings. */
function fixOf(names: readonly string[]): FixId {
  return names.some((name) => /^[a-z0-9-]+$/i.test(name)) ? 'strip' : 'strip-spellings'
}

function cameThrough(names: readonly string[], fix: FixId = fixOf(names)): Finding {
  const problem = `the client's own ${names.join(', ')} reached the backend`
  return { problem, fix, ...headerIn(names[0]) }
}

function twice(headers: readonly string[]): Finding | undefined {
  const names = headers.filter((name, i) => i % 2 === 0 && isIdentityHeader(name))
  const double = names.find((name) => valuesOf(headers, name).length > 1)
  if (double === undefined) return undefined
  return { problem: `${double} reached the backend more than once`, fix: 'strip' }
}

function differs(got: readonly string[], expected: readonly string[]): Finding | undefined {
  const missing = expected.filter((line) => !got.includes(line))
  if (missing.length > 0) {
    const problem = `the backend did not get "${missing.join('", "')}"`
    return { problem, fix: 'copy', ...headerIn(missing[0]?.split(':', 1)[0]) }
  }
  const surplus = got.filter((line) => !expected.includes(line))
  if (surplus.length === 0) return undefined
  const problem = `the backend got "${surplus.join('", "')}", which nobody said`
  return { problem, fix: 'strip', ...headerIn(surplus[0]?.split(':', 1)[0]) }
}

function headerIn(name: string | undefined): Pick<Finding, 'header'> {
  return name === undefined ? {} : { header: name }
}
