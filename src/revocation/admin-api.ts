import { z } from 'zod'
import { UpstreamError } from '../errors.ts'
import type { Upstream, UpstreamStream } from '../upstream.ts'
import type { AdminCredentials } from './admin-credentials.ts'
import { boundEvents } from './bounded-events.ts'
import type { TenantOf } from './tenant.ts'
import { createTurns } from './turns.ts'

/** The admin routes that a feed reads, for one tenant each time. */
export interface AdminApi {
  /** The newest signals, newest first, as they came. @throws UpstreamError */
  signals(tenant: TenantOf, limit: number): Promise<readonly unknown[]>
  /** The WIMSE URI of an identity; undefined where the tenant has none of this id. @throws UpstreamError */
  wimseUri(tenant: TenantOf, identityId: string): Promise<string | undefined>
  /** The signal stream; fails where an event grows past its bound. @throws UpstreamError */
  stream(tenant: TenantOf, signal: AbortSignal): Promise<UpstreamStream>
}

export interface AdminApiOptions {
  readonly upstream: Upstream
  readonly credentials: AdminCredentials
  /** `ZEROID_ADMIN_PREFIX`. */
  readonly prefix: string
}

const listAnswer = z.object({ signals: z.array(z.unknown()).max(500).nullable() })
const identityAnswer = z.object({ wimse_uri: z.string().min(1) })
const timeout = 3_000

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

  /** 401 and 403 are about the gate's credentials, never about a token. */
  function note(status: number): void {
    if (status === 401 || status === 403) credentials.refused(status)
    else if (status === 200) credentials.accepted()
  }

  async function get(
    tenant: TenantOf,
    path: string,
    limit: number,
  ): Promise<{ status: number; json: unknown }> {
    const headers = await headersFor(tenant)
    const answer = await upstream.send({
      method: 'GET',
      path: prefix + path,
      headers,
      timeout,
      limit,
    })
    note(answer.status)
    return answer
  }

  return {
    async signals(tenant, limit) {
      const { status, json } = await get(tenant, `/signals?limit=${limit}`, 4_194_304)
      if (status !== 200)
        throw new UpstreamError('unexpected_status', `signal list: HTTP ${status}`, { status })
      const answer = listAnswer.safeParse(json)
      if (!answer.success) throw new UpstreamError('unexpected_body', 'signal list: not a list')
      return answer.data.signals ?? []
    },
    async wimseUri(tenant, identityId) {
      const { status, json } = await get(tenant, `/identities/${identityId}`, 262_144)
      // Only the server's own word, which is JSON, may clear a signal; a proxy's 404 may not.
      if (status === 404 && json !== undefined) return undefined
      if (status !== 200)
        throw new UpstreamError('unexpected_status', `identity: HTTP ${status}`, { status })
      const answer = identityAnswer.safeParse(json)
      if (!answer.success) throw new UpstreamError('unexpected_body', 'identity: no wimse_uri')
      return answer.data.wimse_uri
    },
    async stream(tenant, signal) {
      const headers = { ...(await headersFor(tenant)), accept: 'text/event-stream' }
      const path = `${prefix}/signals/stream`
      const stream = await upstream.open({ path, headers, timeout: 5_000, signal })
      note(stream.status)
      return { ...stream, body: boundEvents(stream.body, turns) }
    },
  }
}

/** Ids are UTF-8; a header carries bytes. */
function headerBytes(id: string): string {
  return Buffer.from(id, 'utf8').toString('latin1')
}
