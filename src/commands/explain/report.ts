import type { Settings } from '../../config/table.ts'
import type { GateStatus } from '../../gate/status.ts'
import { identityHeaders } from '../../http/identity-headers.ts'
import type { IntrospectionResult } from '../../observe/observer.ts'
import type { Route } from '../../policy/policy.ts'
import type { Verdict } from '../../verdict.ts'
import { askedOf } from './asked.ts'
import type { Peek } from './peek.ts'
import { peek, quote } from './peek.ts'
import type { Check } from './reasons.ts'
import { checks, failureOf } from './reasons.ts'
import { timesOf } from './times.ts'

/** What an explanation is made from. */
export interface Findings {
  readonly token: string
  readonly verdict: Verdict
  readonly status: GateStatus
  readonly settings: Settings
  /** How the last introspection ended; undefined where none was made. */
  readonly introspection: IntrospectionResult | undefined
  /** Epoch milliseconds. */
  readonly now: number
  /** The route that decides on the request, where one was named. */
  readonly route?: Route | undefined
}

/**
 * Writes the explanation: each check with its result, the identity headers, the verdict.
 *
 * @param findings the gate's verdict and status
 * @returns lines; no part of the token is among them
 */
export function report(findings: Findings): string[] {
  const { verdict, status, token } = findings
  const seen = peek(token, status.issuer ?? '')
  const failure = failureOf(verdict, seen.alg)
  const failedAt = failure === undefined ? checks.length : checks.indexOf(failure.check)
  const lines = checks.map((check, place) => {
    if (place < failedAt) return line('ok', check, passed(check, seen, findings))
    if (failure === undefined || place > failedAt) return line('not reached', check, '')
    const more = shown(check, seen, findings)
    const text = more === undefined ? failure.text : `${failure.text}; ${more}`
    return line(verdict.outcome === 'unknown' ? 'UNKNOWN' : 'FAILED', check, text)
  })
  return [
    `ZeroID ${findings.settings.url}, mode ${status.mode}`,
    '',
    ...lines,
    '',
    ...headerLines(findings),
    ...remarkLines(findings),
    verdictLine(verdict),
  ]
}

function line(result: string, check: string, text: string): string {
  return `  ${result.padEnd(12)}  ${check.padEnd(10)}  ${text}`.trimEnd()
}

/** What a check that held has seen. */
function passed(check: Check, seen: Peek, findings: Findings): string {
  const { status, settings, token, now } = findings
  switch (check) {
    case 'bearer':
      return `one token of ${token.length} bytes`
    case 'server':
      return `issuer ${quote(status.issuer)}`
    case 'form':
      return 'compact JWT'
    case 'header':
      return `alg ${quote(seen.alg)}, kid ${quote(seen.kid)}`
    case 'key':
      return `published by ZeroID (one of ${status.keys.kids.length})`
    case 'signature':
      return 'holds'
    case 'payload':
      return 'one JSON object'
    case 'issuer':
      return quote(seen.issuer)
    case 'audience':
      return settings.audience === undefined
        ? `${quote(seen.audience)}, not checked (GATE_AUDIENCE is not set)`
        : `${quote(seen.audience)} is accepted`
    case 'claims':
      return `sub ${quote(seen.claims?.subject)}, grant ${quote(seen.claims?.grantType)}`
    case 'tenant':
      return `${tenantOf(seen)}${settings.tenants === 'auto' ? ', any is let in (ZEROID_TENANTS=auto)' : ''}`
    case 'times':
      return timesOf(seen.claims, status.clockOffset, now)
    case 'signals':
      return signalsOf(seen, findings)
    case 'evidence':
      return evidenceOf(findings)
    case 'proof':
      return proofOf(seen, findings)
    case 'route':
      return routeOf(findings)
  }
}

/** What a failed check has seen, where that helps. */
function shown(check: Check, seen: Peek, findings: Findings): string | undefined {
  const { status, settings, now, introspection } = findings
  switch (check) {
    case 'header':
      return `alg ${quote(seen.alg)}, kid ${quote(seen.kid)}`
    case 'key':
      return `kid ${quote(seen.kid)}, published: ${status.keys.kids.map(quote).join(', ') || 'none'}`
    case 'issuer':
      return `expected ${quote(status.issuer)}, the token says ${quote(seen.issuer)}`
    case 'audience':
      return `accepted: ${quote(settings.audience)}, the token says ${quote(seen.audience)}`
    case 'tenant':
      return `the token's is ${tenantOf(seen)}`
    case 'times':
      return timesOf(seen.claims, status.clockOffset, now)
    case 'evidence':
      return introspection === undefined || introspection === 'inactive'
        ? undefined
        : `introspection: ${introspection}`
    case 'proof':
    case 'route':
      return lacking(findings)
    default:
      return undefined
  }
}

function proofOf({ claims }: Peek, { settings, route }: Findings): string {
  if (claims?.keyThumbprint === undefined) return 'none needed: the token is bound to no key'
  if (!settings.dpop) return 'not asked for: the token is bound to a key, and GATE_DPOP is off'
  if (route?.dpop === 'off') return 'not asked for: the token is bound to a key, the route says off'
  return 'not checked here: the token is bound to a key, so each request needs a DPoP proof'
}

function routeOf({ route, settings }: Findings): string {
  if (route !== undefined) {
    return `${route.name} lets it pass${route.shadow ? ' (shadow: it would whatever it asks)' : ''}`
  }
  return settings.policyFile === undefined
    ? 'no policy (GATE_POLICY_FILE is not set)'
    : 'not looked at (--url names a request)'
}

/** What the caller lacks, by the refusal of the route. */
function lacking({ verdict, route }: Findings): string | undefined {
  if (verdict.outcome !== 'deny' || route === undefined) return undefined
  return askedOf(route, verdict)
}

function tenantOf({ claims }: Peek): string {
  return quote(`${claims?.accountId ?? ''}/${claims?.projectId ?? ''}`)
}

function signalsOf({ claims }: Peek, { settings, status }: Findings): string {
  if (!settings.signals) return 'not followed (GATE_SIGNALS=off)'
  const feed = status.tenants.find(
    ({ accountId, projectId }) =>
      accountId === claims?.accountId && projectId === claims?.projectId,
  )
  if (feed === undefined) return 'none known; the feed of this tenant is not open'
  return feed.state === 'live'
    ? 'none has revoked it; the feed is live'
    : `none known; the feed is ${feed.state}`
}

function evidenceOf({ verdict, introspection }: Findings): string {
  const kind = verdict.outcome === 'allow' ? verdict.evidence.kind : 'none'
  switch (kind) {
    case 'introspected':
      return 'introspection says: active'
    case 'minted':
      return 'minted so lately that introspection was not needed'
    case 'signals':
      return 'the signals alone (GATE_MODE=local); introspection was not asked'
    case 'none':
      return `none (${introspection ?? 'not asked'}); GATE_ON_UNKNOWN=allow lets it pass`
  }
}

function headerLines({ verdict, settings }: Findings): string[] {
  if (verdict.outcome !== 'allow') return []
  const headers = identityHeaders(verdict.identity, settings.emptyHeaders)
  const lines = ['  identity headers']
  for (let i = 0; i < headers.length; i += 2) {
    const value = Buffer.from(headers[i + 1] ?? '', 'latin1').toString('utf8')
    lines.push(`    ${`${headers[i]}:`.padEnd(28)} ${value}`.trimEnd())
  }
  return [...lines, '']
}

/** What the operator should see to; it may be the cause. */
function remarkLines({ status, verdict }: Findings): string[] {
  const remarks = [...status.problems, ...(verdict.outcome === 'allow' ? [] : status.warnings)]
  return remarks.length === 0 ? [] : [...remarks.map((remark) => `  note: ${remark}`), '']
}

function verdictLine(verdict: Verdict): string {
  switch (verdict.outcome) {
    case 'allow':
      return `allowed: 200, evidence ${verdict.evidence.kind}`
    case 'deny':
      return `denied: ${verdict.status} ${verdict.code}, reason ${verdict.reason}`
    case 'unknown':
      return `unknown: 503, Retry-After ${verdict.retryAfter}, reason ${verdict.reason}`
  }
}
