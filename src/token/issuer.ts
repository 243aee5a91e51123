import { createBackoff } from '../backoff.ts'
import type { Clock } from '../clock.ts'
import type { Observer } from '../observe/observer.ts'
import type { Upstream } from '../upstream.ts'
import { isJsonObject, member } from './json.ts'

/** The one issuer whose tokens are accepted. */
export interface Issuer {
  /** The expected `iss`; undefined until it was discovered. */
  value(): string | undefined
  /** Why it is not known yet; undefined once it is. */
  problem(): string | undefined
  /** Settles when the first attempt ended, whatever its result. */
  readonly tried: Promise<void>
  close(): void
}

export interface IssuerOptions {
  /** `ZEROID_ISSUER`; undefined: discover it. */
  readonly configured: string | undefined
  readonly upstream: Upstream
  readonly clock: Clock
  readonly observer: Observer
}

/**
 * Takes the issuer from the settings, or from the server's own metadata (RFC 8414 §3), trying until
 * the server answers. The URL asked comes from the settings alone, never from a token.
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const { configured, upstream, clock, observer } = options
  if (configured !== undefined) {
    return {
      value: () => configured,
      problem: () => undefined,
      tried: Promise.resolve(),
      close() {},
    }
  }

  const backoff = createBackoff(250, 10_000)
  let issuer: string | undefined
  let problem: string | undefined = 'not asked yet'
  let cancel: () => void = () => {}
  let closed = false

  async function discover(): Promise<void> {
    try {
      const { json } = await upstream.fetchJson({
        method: 'GET',
        path: '/.well-known/oauth-authorization-server',
        timeout: 3_000,
        limit: 262_144,
      })
      issuer = readIssuer(json)
      problem = issuer === undefined ? 'the server metadata names no issuer' : undefined
    } catch (error) {
      problem = error instanceof Error ? error.message : 'failed'
    }
    if (closed) return
    if (issuer !== undefined) return observer.note?.('info', 'issuer discovered', { issuer })
    observer.note?.('warn', 'issuer could not be discovered; set ZEROID_ISSUER or wait', {
      problem,
    })
    cancel = clock.after(backoff.next(), () => void discover())
  }

  return {
    value: () => issuer,
    problem: () => problem,
    tried: discover(),
    close() {
      closed = true
      cancel()
    },
  }
}

function readIssuer(metadata: unknown): string | undefined {
  const issuer = isJsonObject(metadata) ? member(metadata, 'issuer') : undefined
  return typeof issuer === 'string' && /^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/.test(issuer)
    ? issuer
    : undefined
}
