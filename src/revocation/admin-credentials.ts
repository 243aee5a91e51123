import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { UpstreamError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import type { Upstream } from '../upstream.ts'

/** The `Authorization` of the gate's own admin requests. */
export interface AdminCredentials {
  /**
   * @returns the header value; undefined where none is configured
   * @throws UpstreamError where the API key could not be exchanged
   */
  authorization(): Promise<string | undefined>
  /**
   * The server refused a request: 401 ends the credential that it was sent with, 403 does not, since
   * another tenant may be allowed what this one is not.
   *
   * @param sent what `authorization` gave for that request
   */
  refused(status: 401 | 403, sent: string | undefined): void
  /** The fault that an operator must mend; undefined where there is none. */
  problem(): string | undefined
  /** The server took them. */
  accepted(): void
}

export interface AdminCredentialsOptions {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly observer: Observer
  /** `ZEROID_API_KEY`. */
  readonly apiKey: string | undefined
  /** `ZEROID_ADMIN_TOKEN`. */
  readonly adminToken: string | undefined
}

const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() })
/** Least milliseconds between two exchanges, whatever becomes of them. */
const pause = 1_000
/** Milliseconds after which a token that was forbidden something is exchanged again. */
const forbiddenFor = 60_000
/** Milliseconds for which the same complaint is made once. */
const complaintEvery = 60_000

/**
 * A static token as it is, or an API key exchanged for tokens (`grant_type=api_key`, scope
 * `nhi:manage`), each renewed when four fifths of its life are over.
 *
 * @param options one of the two credentials, or neither
 */
export function createAdminCredentials(options: AdminCredentialsOptions): AdminCredentials {
  const { upstream, clock, observer, apiKey, adminToken } = options
  let token: string | undefined
  let renewAt = 0
  let endsAt = 0
  let askedAt = Number.NEGATIVE_INFINITY
  let exchanging: Promise<string> | undefined
  let problem: string | undefined
  const complainedAt = new Map<string, number>()

  async function exchange(key: string): Promise<string> {
    askedAt = clock.monotonic()
    const { status, json } = await upstream.send({
      method: 'POST',
      path: '/oauth2/token',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ grant_type: 'api_key', api_key: key, scope: 'nhi:manage' }),
      timeout: 3_000,
      limit: 65_536,
    })
    const answer = tokenAnswer.safeParse(json)
    if (status === 200 && answer.success) {
      token = answer.data.access_token
      renewAt = askedAt + answer.data.expires_in * 800
      endsAt = askedAt + answer.data.expires_in * 1000
      return token
    }
    if (status === 400 || status === 401) {
      token = undefined
      complain(`the API key was not exchanged (HTTP ${status}): check ZEROID_API_KEY`)
    }
    throw new UpstreamError('unexpected_status', `API key exchange: HTTP ${status}`, { status })
  }

  function complain(message: string): void {
    const now = clock.monotonic()
    const last = complainedAt.get(message) ?? Number.NEGATIVE_INFINITY
    // Where one tenant is refused and another is not, the problem comes and goes all the time.
    if (problem !== message && now - last >= complaintEvery) {
      observer.note?.('error', message)
      complainedAt.set(message, now)
    }
    problem = message
  }

  /** What is sent now, without asking for anything. */
  function current(): string | undefined {
    const credential = adminToken ?? token
    return credential === undefined ? undefined : `Bearer ${credential}`
  }

  async function fromKey(key: string): Promise<string> {
    const now = clock.monotonic()
    if (token !== undefined && now < renewAt) return token
    if (exchanging === undefined && now - askedAt < pause) {
      return leftOver('the API key was not exchanged a moment ago')
    }
    exchanging ??= exchange(key).finally(() => {
      exchanging = undefined
    })
    return await exchanging.catch(leftOver)
  }

  /** A token that could not be renewed is good to its end. */
  function leftOver(fault: unknown): string {
    if (token !== undefined && clock.monotonic() < endsAt) return token
    if (typeof fault !== 'string') throw fault
    throw new UpstreamError('unexpected_status', fault)
  }

  return {
    async authorization() {
      if (adminToken !== undefined) return `Bearer ${adminToken}`
      return apiKey === undefined ? undefined : `Bearer ${await fromKey(apiKey)}`
    },
    refused(status, sent) {
      // The word on a token that was replaced since, or dropped by another refusal, comes too late.
      if (status === 401 && sent !== current()) return
      if (status === 401) token = undefined
      // The key may be given more rights, and its token would not have them.
      else renewAt = Math.min(renewAt, askedAt + forbiddenFor)
      const fix =
        apiKey === undefined && adminToken === undefined
          ? 'set ZEROID_API_KEY or ZEROID_ADMIN_TOKEN, or GATE_SIGNALS=off'
          : 'check ZEROID_API_KEY or ZEROID_ADMIN_TOKEN'
      complain(`ZeroID refused the admin routes (HTTP ${status}): ${fix}`)
    },
    accepted() {
      problem = undefined
    },
    problem: () => problem,
  }
}
