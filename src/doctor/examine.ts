import type { ProxyKind } from '../proxies/index.ts'
import { isProxyKind } from '../proxies/index.ts'
import { fixFor } from './fixes.ts'
import type { Probe, Site } from './probe.ts'
import { probes } from './probes.ts'

/** What became of one probe. */
export interface Result {
  readonly id: string
  readonly title: string
  readonly outcome: 'ok' | 'fix' | 'skipped'
  /** Why it failed or was skipped. */
  readonly problem?: string
  readonly advice?: string
  /** Lines of the shipped config that mend it; none where the proxy is not known. */
  readonly lines?: readonly string[]
}

/**
 * Runs the probes, one after the other.
 *
 * @param site the proxy, and its gate side where there is one
 * @param kind which proxy; default: what its `Server` header says
 * @param list default: all
 */
export async function examine(
  site: Site,
  kind?: ProxyKind,
  list: readonly Probe[] = probes,
): Promise<readonly Result[]> {
  const proxy = kind ?? (await guess(site))
  const results: Result[] = []
  for (const probe of list) results.push(await examineOne(probe, site, proxy))
  return results
}

async function examineOne(probe: Probe, site: Site, kind: ProxyKind | undefined): Promise<Result> {
  const { id, title } = probe
  const { gate } = site
  if (probe.needs === 'gate' && gate === undefined) {
    return { id, title, outcome: 'skipped', problem: 'needs --gate' }
  }
  try {
    const finding = await probe.run(site, gate ?? absent)
    if (finding === undefined) return { id, title, outcome: 'ok' }
    const { problem, fix, header } = finding
    return { id, title, outcome: 'fix', problem, ...fixFor(fix, kind, header) }
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    const problem = `no answer: ${message || code || 'failed'}`
    return { id, title, outcome: 'fix', problem, ...fixFor('gate-address', undefined) }
  }
}

function nobody(): never {
  throw new Error('this probe needs the gate side')
}

const absent = {
  verdict: nobody,
  clear: nobody,
  seen: nobody,
  connections: nobody,
  unknown: nobody,
  down: nobody,
  back: nobody,
}

/** nginx, Caddy and Envoy name themselves; the others do not. */
async function guess({ client }: Site): Promise<ProxyKind | undefined> {
  const answer = await client.send()
  const name = answer
    .header('Server')
    ?.toLowerCase()
    .match(/^[a-z]+/)?.[0]
  return isProxyKind(name) ? name : undefined
}
