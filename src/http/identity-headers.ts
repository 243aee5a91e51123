import type { Allow, Identity } from '../verdict.ts'

/** One identity header: its name, and what it says of a caller. */
interface IdentityHeader {
  readonly name: string
  readonly value: (identity: Identity, possession: Possession) => string | undefined
}

/**
 * What was proved of the caller's key (RFC 9449): nothing, that he holds it, or that he holds it and
 * that his proof names a body which nobody has compared yet. A backend that asks for `verified`
 * alone thus refuses the last.
 */
export type Possession = 'none' | 'verified' | 'verified; body=unchecked'

/**
 * @param allow a verdict, given where nobody read the body
 */
export function possessionOf({ proof }: Pick<Allow, 'proof'>): Possession {
  if (proof === undefined) return 'none'
  return proof.bodyHash === undefined ? 'verified' : 'verified; body=unchecked'
}

/**
 * The closed list. Whoever puts the gate behind a proxy strips every one of these names from the
 * client's request, also those that the gate leaves out, in every spelling.
 */
const list: readonly IdentityHeader[] = [
  { name: 'X-Forwarded-User', value: (identity) => identity.subject },
  { name: 'X-Zeroid-Identity-Type', value: (identity) => identity.identityType },
  { name: 'X-Zeroid-Trust-Level', value: (identity) => identity.trustLevel },
  { name: 'X-Zeroid-Account-ID', value: (identity) => identity.accountId },
  { name: 'X-Zeroid-Project-ID', value: (identity) => identity.projectId },
  { name: 'X-Zeroid-External-ID', value: (identity) => identity.externalId },
  { name: 'X-Zeroid-Act-Sub', value: (identity) => identity.actSubject },
  { name: 'X-Zeroid-Scopes', value: ({ scopes }) => scopes.join(' ') || undefined },
  { name: 'X-Zeroid-Actor', value: (identity) => identity.actor },
  { name: 'X-Zeroid-Delegation-Depth', value: (identity) => String(identity.delegationDepth) },
  { name: 'X-Zeroid-Mission-ID', value: (identity) => identity.missionId },
  { name: 'X-Zeroid-Token-ID', value: (identity) => identity.tokenId },
  { name: 'X-Zeroid-Owner', value: (identity) => identity.owner },
  {
    name: 'X-Zeroid-Proof',
    value: (_, possession) => (possession === 'none' ? undefined : possession),
  },
]

/** Every header name that the gate may set on a request to the backend. */
export const identityHeaderNames: readonly string[] = list.map(({ name }) => name)

const byLowerCase = new Map(identityHeaderNames.map((name) => [name.toLowerCase(), name]))

/**
 * The identity headers of an allowed caller.
 *
 * @param identity who was allowed
 * @param empty also name what is not known, with an empty value, `GATE_EMPTY_HEADERS`
 * @param possession what was proved of his key, default nothing
 * @returns names and values in turn; values are UTF-8 bytes, one for each character, which is how
 *   Node writes header values and what the real server sends
 */
export function identityHeaders(
  identity: Identity,
  empty: boolean,
  possession: Possession = 'none',
): readonly string[] {
  const headers: string[] = []
  for (const { name, value } of list) {
    const text = value(identity, possession)
    if (text !== undefined) headers.push(name, toHeaderBytes(text))
    else if (empty) headers.push(name, '')
  }
  return headers
}

/**
 * The identity headers of nobody, for a request that needed no token.
 *
 * @param empty name them all, with an empty value, `GATE_EMPTY_HEADERS`
 */
export function noIdentityHeaders(empty: boolean): readonly string[] {
  return empty ? identityHeaderNames.flatMap((name) => [name, '']) : []
}

function toHeaderBytes(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** What the headers tell: all but what only the token itself says. */
export type ForwardedIdentity = Omit<
  Identity,
  'grantType' | 'issuedAt' | 'expiresAt' | 'subType' | 'audiences' | 'keyThumbprint'
>

const nobody: readonly never[] = Object.freeze([])

/**
 * Reads identity headers back. Every one of them comes at most once, in the spelling that the gate
 * writes: another spelling is somebody else's header.
 *
 * @param rawHeaders names and values in turn, of a request from a proxy that is trusted
 * @returns undefined where the headers cannot be the gate's
 */
export function readIdentityHeaders(rawHeaders: readonly string[]): ForwardedIdentity | undefined {
  const values = new Map<string, string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = byLowerCase.get((rawHeaders[i] as string).toLowerCase())
    if (name === undefined) continue
    const value = fromHeaderBytes(rawHeaders[i + 1] as string)
    if (value === undefined || values.has(name)) return undefined
    values.set(name, value)
  }
  // `GATE_EMPTY_HEADERS`: what is empty is absent.
  const read = (name: string): string | undefined => values.get(name) || undefined
  const subject = read('X-Forwarded-User')
  const accountId = read('X-Zeroid-Account-ID')
  const projectId = read('X-Zeroid-Project-ID')
  const tokenId = read('X-Zeroid-Token-ID')
  const depth = read('X-Zeroid-Delegation-Depth') ?? ''
  if (!subject || !accountId || !projectId || !tokenId || !/^\d{1,9}$/.test(depth)) return undefined

  const actor = read('X-Zeroid-Actor') ?? subject
  const actSubject = read('X-Zeroid-Act-Sub')
  const acting = {
    identityType: read('X-Zeroid-Identity-Type'),
    trustLevel: read('X-Zeroid-Trust-Level'),
    externalId: read('X-Zeroid-External-ID'),
  }
  // Where an agent acts for itself the profiles look alike, and mean the same. What is no agent is
  // the principal of the rfc8693 profile, of a type that no header tells: it need not be a person.
  const profile = actor === subject && subject.startsWith('spiffe://') ? 'legacy' : 'rfc8693'
  const others = actor === subject ? nobody : [{ subject: actor, ...acting }]
  const actors = profile === 'legacy' ? parentOf(actSubject, Number(depth)) : others
  return Object.freeze({
    subject,
    accountId,
    projectId,
    tokenId,
    ...acting,
    actSubject,
    actor,
    scopes: Object.freeze(read('X-Zeroid-Scopes')?.split(' ') ?? []),
    delegationDepth: Number(depth),
    missionId: read('X-Zeroid-Mission-ID'),
    owner: read('X-Zeroid-Owner'),
    profile,
    principalType: undefined,
    actors,
    tools: nobody,
  })
}

/** Of a legacy `act` the headers do not tell whether it delegated or made the key: depth does. */
function parentOf(actSubject: string | undefined, depth: number): Identity['actors'] {
  if (actSubject === undefined || depth === 0) return nobody
  const unknown = { identityType: undefined, trustLevel: undefined, externalId: undefined }
  return [{ subject: actSubject, ...unknown }]
}

function fromHeaderBytes(value: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(value, 'latin1'),
    )
  } catch {
    return undefined
  }
}
