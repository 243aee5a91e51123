import type { Actor, Deny } from '../verdict.ts'
import { deny } from '../verdict.ts'
import type { JsonObject } from './json.ts'
import { isJsonObject, member } from './json.ts'

/**
 * The checked payload of an access token. Only what the gate uses is kept: a claim that a caller
 * added has no way in.
 */
export interface Claims {
  readonly subject: string
  readonly accountId: string
  readonly projectId: string
  readonly tokenId: string
  /** Seconds since the epoch, as the server wrote them. */
  readonly issuedAt: number
  readonly expiresAt: number
  readonly notBefore: number | undefined
  readonly grantType: string
  readonly identityType: string | undefined
  readonly trustLevel: string | undefined
  readonly externalId: string | undefined
  readonly owner: string | undefined
  readonly missionId: string | undefined
  /** `sub_type` of the subject. */
  readonly subType: string | undefined
  /** `aud`; empty where the claim is absent. */
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  /** `allowed_tools`; empty where the claim is absent or no list of names. */
  readonly tools: readonly string[]
  readonly delegationDepth: number
  /** `rfc8693` where the token says `principal_type`: then `act` nests every actor. */
  readonly profile: 'legacy' | 'rfc8693'
  readonly principalType: string | undefined
  /** `act`, outermost first; under the legacy profile at most one. */
  readonly actors: readonly Actor[]
  /**
   * RFC 7638 thumbprint of the key that the token is bound to (RFC 9449 §6.1); empty where it is bound
   * in a way that cannot be used, to a key that nobody can show.
   */
  readonly keyThumbprint: string | undefined
}

/** What the claims must agree with. */
export interface ClaimsRules {
  /** The one issuer, compared as a string. */
  readonly issuer: string
  /** Accepted `aud` values; empty: not checked. */
  readonly audiences: readonly string[]
}

/** RFC 8693 §4.1 sets no bound; ZeroID stops at 16. */
const maxActors = 16

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const control = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/u
const outerSpace = /^\s|\s$/u
/** SHA-256 in base64url. */
const thumbprint = /^[\w-]{43}$/
const nobodysKey = ''
/** One for all tokens that have nothing to list. */
const none: readonly never[] = Object.freeze([])

/** A claim that cannot be used; becomes a denial in {@link parseClaims}, never leaves this file. */
class ClaimFault extends Error {
  readonly denial: Deny
  constructor(denial: Deny) {
    super(denial.reason)
    this.denial = denial
  }
}

/**
 * Turns a verified payload into claims (RFC 7519 §4.1, RFC 8693 §4.1, RFC 8725 §3.8 to §3.12).
 * Times are not judged here: a remembered token is judged anew at every request.
 *
 * @param payload the parsed payload of a token whose signature held
 * @param rules issuer and audiences
 * @returns the claims, or a 401 that names the claim at fault
 */
export function parseClaims(payload: JsonObject, rules: ClaimsRules): Claims | Deny {
  try {
    return readClaims(payload, rules)
  } catch (error) {
    if (error instanceof ClaimFault) return error.denial
    throw error
  }
}

function readClaims(payload: JsonObject, rules: ClaimsRules): Claims {
  if (requiredText(payload, 'iss') !== rules.issuer) throw new ClaimFault(deny('wrong_issuer'))
  const audiences = readAudiences(payload, rules.audiences)
  // A proof token, an authorization code or a security event token under the same key has the
  // same issuer and subject; only an access token says how it was granted (RFC 8725 §3.12).
  if (member(payload, 'grant_type') === undefined) {
    throw new ClaimFault(deny('not_an_access_token', 'grant_type'))
  }

  const principalType = optionalText(payload, 'principal_type')
  return {
    subject: requiredText(payload, 'sub'),
    accountId: requiredText(payload, 'account_id'),
    projectId: requiredText(payload, 'project_id'),
    tokenId: requiredText(payload, 'jti'),
    issuedAt: requiredTime(payload, 'iat'),
    expiresAt: requiredTime(payload, 'exp'),
    notBefore: member(payload, 'nbf') === undefined ? undefined : requiredTime(payload, 'nbf'),
    grantType: requiredText(payload, 'grant_type'),
    identityType: optionalText(payload, 'identity_type'),
    trustLevel: optionalText(payload, 'trust_level'),
    externalId: optionalText(payload, 'external_id'),
    owner: optionalText(payload, 'owner_user_id'),
    missionId: optionalText(payload, 'mission_id'),
    subType: optionalText(payload, 'sub_type'),
    audiences,
    scopes: readScopes(payload),
    tools: readTools(payload),
    delegationDepth: readDepth(payload),
    profile: principalType === undefined ? 'legacy' : 'rfc8693',
    principalType,
    actors: readActors(payload),
    keyThumbprint: readThumbprint(payload),
  }
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || control.test(value) || outerSpace.test(value)) {
    throw new ClaimFault(deny('claim_invalid', name))
  }
  return value
}

function requiredText(object: JsonObject, name: string): string {
  const value = member(object, name)
  if (value === undefined || value === '') throw new ClaimFault(deny('claim_missing', name))
  return text(value, name)
}

/** An empty claim is an absent one: the server sets no header for either. */
function optionalText(object: JsonObject, name: string): string | undefined {
  const value = member(object, name)
  return value === undefined || value === '' ? undefined : text(value, name)
}

function requiredTime(object: JsonObject, name: string): number {
  const value = member(object, name)
  if (value === undefined) throw new ClaimFault(deny('claim_missing', name))
  // `1e400` parses to Infinity.
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new ClaimFault(deny('claim_invalid', name))
  }
  return value
}

function readAudiences(payload: JsonObject, accepted: readonly string[]): readonly string[] {
  const value = member(payload, 'aud')
  const audiences: readonly unknown[] =
    value === undefined ? none : Array.isArray(value) ? value : [value]
  if (!isTexts(audiences)) throw new ClaimFault(deny('claim_invalid', 'aud'))
  if (accepted.length > 0 && !accepted.some((audience) => audiences.includes(audience))) {
    throw new ClaimFault(deny('wrong_audience'))
  }
  return audiences
}

function isTexts(values: readonly unknown[]): values is readonly string[] {
  return values.every((value) => typeof value === 'string')
}

function readScopes(payload: JsonObject): readonly string[] {
  const value = member(payload, 'scopes')
  if (value === undefined || value === null) return none
  if (!Array.isArray(value)) throw new ClaimFault(deny('claim_invalid', 'scopes'))
  return value.map((scope: unknown) => {
    // RFC 6749 §3.3: a scope with a blank inside would read as two in a header.
    if (typeof scope !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) {
      throw new ClaimFault(deny('claim_invalid', 'scopes'))
    }
    return scope
  })
}

/** No header depends on it, and the server vouches for none: what cannot be read allows no tool. */
function readTools(payload: JsonObject): readonly string[] {
  const value = member(payload, 'allowed_tools')
  if (!Array.isArray(value) || value.length === 0) return none
  return value.every((name) => typeof name === 'string' && name !== '') ? value : none
}

function readDepth(payload: JsonObject): number {
  const value = member(payload, 'delegation_depth')
  if (value === undefined) return 0
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ClaimFault(deny('claim_invalid', 'delegation_depth'))
  }
  return value
}

function readActors(payload: JsonObject): readonly Actor[] {
  let act = member(payload, 'act')
  if (act === undefined) return none
  const actors: Actor[] = []
  while (act !== undefined) {
    if (!isJsonObject(act) || actors.length === maxActors) {
      throw new ClaimFault(deny('claim_invalid', 'act'))
    }
    actors.push({
      subject: requiredText(act, 'sub'),
      identityType: optionalText(act, 'identity_type'),
      trustLevel: optionalText(act, 'trust_level'),
      externalId: optionalText(act, 'external_id'),
    })
    act = member(act, 'act')
  }
  return actors
}

/**
 * RFC 7800 §3.1: whoever presents a token with `cnf` must prove to hold the key that it names. Where
 * it names none by a thumbprint, no proof can be compared with it.
 */
function readThumbprint(payload: JsonObject): string | undefined {
  const confirmation = member(payload, 'cnf')
  if (confirmation === undefined) return undefined
  const jkt = isJsonObject(confirmation) ? member(confirmation, 'jkt') : undefined
  return typeof jkt === 'string' && thumbprint.test(jkt) ? jkt : nobodysKey
}
