import { z } from 'zod'
import { UpstreamError } from '../errors.ts'
import type { Upstream, UpstreamRequest, UpstreamStream } from '../upstream.ts'
import type { UpstreamAnswer } from '../upstream-answer.ts'
import type { AdminCredentials } from './admin-credentials.ts'
import { boundEvents } from './bounded-events.ts'
import type { TenantOf } from './tenant.ts'
import { createTurns } from './turns.ts'

/** The admin routes that a feed reads, for one tenant each time. */
export interface AdminApi {
  /**
   * The newest signals, as many as asked for or, where they are too long to be read, fewer.
   *
   * @throws UpstreamError
   */
  page(tenant: TenantOf, limit: number): Promise<SignalPage>
  /** The WIMSE URI of an identity; undefined where the tenant has none of this id. @throws UpstreamError */
  wimseUri(tenant: TenantOf, identityId: string): Promise<string | undefined>
  /** The signal stream; fails where an event grows past its bound. @throws UpstreamError */
  stream(tenant: TenantOf, signal: AbortSignal): Promise<UpstreamStream>
}

/** The newest signals of a tenant. */
export interface SignalPage {
  /** Newest first, as they came. */
  readonly entries: readonly unknown[]
  /** There may be more, older ones. */
  readonly full: boolean
}

export interface AdminApiOptions {
  readonly upstream: Upstream
  readonly credentials: AdminCredentials
  /** `ZEROID_ADMIN_PREFIX`. */
  readonly prefix: string
}

const listAnswer = z.object({ signals: z.array(z.unknown()).max(500).nullable() })
const identityAnswer = z.object({ wimse_uri: z.string().min(1) })
/** ZeroID's problem details (RFC 9457) for an identity that is not the tenant's. */
const noIdentity = z.object({ status: z.literal(404), detail: z.string().regex(/identity/i) })
const timeout = 3_000
/** Longest page that is read, in bytes: whatever JSON it holds is parsed in some 50 ms. */
const longestPage = 524_288
/** The same for a single signal: a payload of 1 MiB may be six times as long in JSON. */
const longestSignal = 8_388_608
/** Signals asked for in place of a page that was too long. */
const narrower = [100, 25, 5, 1]

/**
 * @param options the way to the server, credentials, prefix
 */
export function createAdminApi({ upstream, credentials, prefix }: AdminApiOptions): AdminApi {
  const turns = createTurns()

  async function headersFor(tenant: TenantOf): Promise<Record<string, string>> {
    const authorization = await credentials.authorization()
    return {
      'x-account-id': headerBytes(tenant.accountId),
      'x-project-id': headerBytes(tenant.projectId),
      ...(authorization === undefined ? undefined : { authorization }),
    }
  }

  async function get(
    tenant: TenantOf,
    path: string,
    bounds: Pick<UpstreamRequest, 'lane' | 'limit'>,
  ): Promise<UpstreamAnswer> {
    const headers = await headersFor(tenant)
    const request = { method: 'GET', path: prefix + path, headers, timeout, ...bounds } as const
    const answer = await upstream.send(request)
    note(answer.status, headers.authorization)
    // What was so a while ago proves nothing, and clears nobody.
    if ((answer.age ?? 0) > 0) {
      throw new UpstreamError('unexpected_body', 'the answer comes out of a cache', {
        status: answer.status,
      })
    }
    return answer
  }

  /** 401 and 403 are about the gate's credentials, never about a token. */
  function note(status: number, authorization: string | undefined): void {
    if (status === 401 || status === 403) credentials.refused(status, authorization)
    else if (status === 200) credentials.accepted()
  }

  async function list(tenant: TenantOf, count: number): Promise<SignalPage> {
    const limit = count === 1 ? longestSignal : longestPage
    const path = `/signals?limit=${count}`
    const { status, json } = await get(tenant, path, { lane: 'lists', limit })
    if (status !== 200)
      throw new UpstreamError('unexpected_status', `signal list: HTTP ${status}`, { status })
    const answer = listAnswer.safeParse(json)
    if (!answer.success) throw new UpstreamError('unexpected_body', 'signal list: not a list')
    const entries = answer.data.signals ?? []
    return { entries, full: entries.length >= count }
  }

  async function page(tenant: TenantOf, count: number): Promise<SignalPage> {
    try {
      return await list(tenant, count)
    } catch (error) {
      const fewer = narrower.find((each) => each < count)
      const tooLong = error instanceof UpstreamError && error.code === 'too_large'
      if (!tooLong || fewer === undefined) throw error
      return await page(tenant, fewer)
    }
  }

  return {
    page,
    async wimseUri(tenant, identityId) {
      const { status, json } = await get(tenant, `/identities/${identityId}`, {
        lane: 'identities',
        limit: 262_144,
      })
      // Only the server's own word may clear a signal; a gateway that knows no such route may not.
      if (status === 404 && noIdentity.safeParse(json).success) return undefined
      if (status !== 200)
        throw new UpstreamError('unexpected_status', `identity: HTTP ${status}`, { status })
      const answer = identityAnswer.safeParse(json)
      if (!answer.success) throw new UpstreamError('unexpected_body', 'identity: no wimse_uri')
      return answer.data.wimse_uri
    },
    async stream(tenant, signal) {
      const identification = await headersFor(tenant)
      const headers = { ...identification, accept: 'text/event-stream' }
      const path = `${prefix}/signals/stream`
      const stream = await upstream.open({ path, headers, timeout: 5_000, signal })
      note(stream.status, identification.authorization)
      return { ...stream, body: boundEvents(stream.body, turns) }
    },
  }
}

/** Ids are UTF-8; a header carries bytes. */
function headerBytes(id: string): string {
  return Buffer.from(id, 'utf8').toString('latin1')
}
