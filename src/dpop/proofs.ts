import type { Clock } from '../clock.ts'
import type { Target } from '../request/target.ts'
import type { Compact } from '../token/compact.ts'
import { splitCompact } from '../token/compact.ts'
import { parseJsonObject } from '../token/json.ts'
import type { Deny, Proof, Unknown } from '../verdict.ts'
import { refuse, unknown } from '../verdict.ts'
import { signatureHolds } from './algorithms.ts'
import type { Expected, ProofClaims } from './claims.ts'
import { checkClaims } from './claims.ts'
import { isEqual } from './equal.ts'
import { readProofField } from './field.ts'
import type { BaseUrl } from './htu.ts'
import { normalizeOrigin, normalizePath, parseBaseUrl } from './htu.ts'
import type { ProofHeader } from './jose-header.ts'
import { readProofHeader } from './jose-header.ts'
import { createKeyImport } from './keys.ts'
import { createNonces } from './nonce.ts'
import { refuseProof } from './refusal.ts'
import { createReplayMemory, useOf } from './replay.ts'

/** What a proof must agree with. */
export interface ProofContext {
  /** The request itself: what it was good for once, it stays good for. */
  readonly request: object
  /** Names and values in turn, as they came; the `DPoP` header is found in them. */
  readonly rawHeaders: readonly string[]
  /** The client's own request. */
  readonly target: Target
  /** SHA-256 of the access token in base64, padded. */
  readonly tokenDigest: string
  /** The token's `cnf.jkt`; undefined: it is bound to no key. */
  readonly keyThumbprint: string | undefined
}

/** Checks proofs of possession. */
export interface Proofs {
  /**
   * Checks the proof of one request. What holds counts as used: another request with it is refused.
   * The same request may be asked about again, as when it passes through the gate twice; with another
   * token, proof, method or URL than before it is another one.
   *
   * @param context the request and its token, which was verified before
   * @returns what the proof says; a 401 with `dpop` that names the first criterion not met; a 403
   *   where nobody told what the request was; `unknown` where the replay memory has no room, and
   *   where it cannot know since the proof was made before it began
   * @see RFC 9449 §4.3 and §7.1
   */
  check(context: ProofContext): Proof | Deny | Unknown
  /** A nonce for the next proof (RFC 9449 §8.2); undefined where none is asked for. */
  nonce(): string | undefined
  /** Proofs remembered as used. */
  size(): number
}

/** How proofs are checked. */
export interface ProofsOptions {
  readonly clock: Clock
  /** The server's time as far as it is known, milliseconds since the epoch. */
  readonly now: () => number
  /** Used proofs remembered at most, default 100000; a tenth of it for each key. */
  readonly memory?: number | undefined
  /** Set where proofs must carry a nonce. The secret is shared by replicas; default: random. */
  readonly nonce?: { readonly secret?: string | undefined } | undefined
  /**
   * `scheme://host[:port][/prefix]` under which clients reach what is protected, in the place of the
   * target's scheme and host; the prefix goes before its path, for a proxy that strips it.
   */
  readonly publicUrl?: string | undefined
}

const defaultMemory = 100_000
const plain: Proof = Object.freeze({ bodyHash: undefined })
/** The one refusal that a flood of requests may meet: it costs nothing to make. */
const used = refuseProof('dpop_replay_detected', 'jti')

/**
 * Makes the checker of proofs. Cheap criteria come first, the signature last but one, and only a
 * proof whose signature holds is remembered: nobody can use up the `jti` of another.
 *
 * @param options time, memory, nonces, public URL
 * @throws TypeError that names the option which cannot be used
 * @see RFC 9449 §4.3
 */
export function createProofs(options: ProofsOptions): Proofs {
  const { clock, now, memory = defaultMemory } = options
  const base = readPublicUrl(options.publicUrl)
  const nonces =
    options.nonce === undefined ? undefined : createNonces({ now, secret: options.nonce.secret })
  // Whoever has a nonce that no other process knows did not have it before this one began.
  const knowsAll = nonces !== undefined && options.nonce?.secret === undefined
  const replay = createReplayMemory({ clock, now, limit: memory, knowsAll })
  const importKey = createKeyImport()
  const held = new WeakMap<object, Held>()

  /** The proof is made for this request and this token: is it new, and did the key sign it? */
  function checkUse({ alg, key }: ProofHeader, claims: ProofClaims, parts: Compact): Checked {
    const use = useOf(key.thumbprint, claims.jti, claims.issuedAt)
    const known = replay.look(use)
    if (known === 'used') return used
    if (known === 'forgotten') return refuseProof('iat_outside_window', 'iat')
    if (nonces !== undefined && !nonces.isGood(claims.nonce)) {
      return { ...refuseProof('dpop_nonce_required', 'nonce'), nonce: nonces.current() }
    }
    if (known === 'early') return unknown('proof_before_start', replay.retryAfter(use))
    if (known === 'full') return unknown('replay_memory_full', replay.retryAfter(use))

    const imported = importKey(key)
    if (imported === undefined) return refuseProof('invalid_dpop_proof', 'jwk')
    if (!signatureHolds(parts, alg, imported)) return refuseProof('invalid_signature')
    replay.remember(use)
    return claims.bodyHash === undefined ? plain : { bodyHash: claims.bodyHash }
  }

  function checkField(
    field: string,
    request: Pick<Expected, 'method' | 'url'>,
    { tokenDigest, keyThumbprint }: ProofContext,
  ): Checked {
    const parts = splitCompact(field)
    if (parts === undefined) return refuseProof('invalid_dpop_proof')
    const header = readProofHeader(parts.header)
    if ('outcome' in header) return header
    if (!isEqual(header.key.thumbprint, keyThumbprint ?? '')) return refuseProof('cnf_jkt_mismatch')

    const payload = parseJsonObject(parts.payload)
    if (payload === undefined) return refuseProof('invalid_dpop_proof')
    const expected = { ...request, ath: toBase64url(tokenDigest), now: now() }
    const claims = checkClaims(payload, expected)
    return 'outcome' in claims ? claims : checkUse(header, claims, parts)
  }

  return {
    check(context) {
      if (context.keyThumbprint === undefined) return refuseProof('token_not_bound')
      const field = readProofField(context.rawHeaders)
      if (typeof field !== 'string') return field
      const request = describe(context.target, base)
      if ('outcome' in request) return request

      const facts = [field, context.tokenDigest, request.method, request.url]
      const earlier = held.get(context.request)
      if (earlier?.facts.every((fact, i) => fact === facts[i])) return earlier.proof
      const checked = checkField(field, request, context)
      if (!('outcome' in checked)) held.set(context.request, { facts, proof: checked })
      return checked
    },
    nonce: () => nonces?.current(),
    size: () => replay.size(),
  }
}

type Checked = Proof | Deny | Unknown

/** A proof that held for a request, and all that it was compared with. */
interface Held {
  readonly facts: readonly (string | undefined)[]
  readonly proof: Proof
}

/** Method and URL of the request; a 403 where the one who described it left out what is needed. */
function describe(
  { method, scheme, host, path }: Target,
  base: BaseUrl | undefined,
): Pick<Expected, 'method' | 'url'> | Deny {
  if (method === undefined) return undescribed('method')
  if (path === undefined) return undescribed('path')
  const normalized = normalizePath(path)
  if (base !== undefined) return { method, url: join(base.origin, base.prefix, normalized) }
  if (scheme === undefined) return undescribed('scheme')
  if (host === undefined) return undescribed('host')
  return { method, url: join(normalizeOrigin(scheme, host), '', normalized) }
}

/** The path was normalised by itself: its dot segments cannot lead out of the prefix. */
function join(
  origin: string | undefined,
  prefix: string,
  path: string | undefined,
): string | undefined {
  return origin === undefined || path === undefined ? undefined : origin + prefix + path
}

function undescribed(member: keyof Target): Deny {
  return { ...refuse('request_not_described', { detail: member }), dpop: true }
}

function readPublicUrl(url: string | undefined): BaseUrl | undefined {
  if (url === undefined) return undefined
  const base = parseBaseUrl(url)
  if (base !== undefined) return base
  throw new TypeError(
    '"publicUrl" option must be an http or https URL without credentials, query or fragment',
  )
}

/** The token's digest as `ath` has it: RFC 7515 §2 base64url, without padding. */
function toBase64url(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
