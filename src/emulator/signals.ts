import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatStamp, type StampClock } from './clock.ts'
import type { Credentials } from './credentials.ts'
import { type Store, tenantKey } from './store.ts'
import type { StreamHub } from './stream.ts'
import type { Identity, Signal, Tenant } from './types.ts'

/** A signal to ingest. */
export interface SignalInput extends Tenant {
  identityId: string
  type: string
  severity: string
  source: string
  payload?: Record<string, unknown> | undefined
  missionId?: string | undefined
  /** `created_at` word for word, however odd; default now. */
  createdAt?: string | undefined
}

/** The signals and what they cause. */
export interface Signals {
  /**
   * Writes the signal's row and streams it, both before this returns; then revokes.
   *
   * @returns the signal, and `settled`, when its revocation is done
   */
  ingest(input: SignalInput): { signal: Signal; settled: Promise<void> }
  /** The tenant's newest signals, newest first, times in microseconds as the database has them. */
  list(tenant: Tenant, limit: number): Signal[]
  /** Deactivates an identity: keys and credentials first, then the signal that says so. */
  retire(identity: Identity, type: 'retirement' | 'identity_expired', reason: string): Signal
  /** Makes it `ms` milliseconds between a signal's row and its revocation. */
  revokeDelay(ms: number): void
}

interface Parts {
  store: Store
  credentials: Credentials
  streams: StreamHub
  clock: StampClock
}

interface Row {
  signal: Signal
  /** `created_at` after it was read back from the database. */
  listedAt: string
}

/** Makes an empty list of signals. */
export function createSignals(
  { store, credentials, streams, clock }: Parts,
  initialDelay: number,
): Signals {
  const rows = new Map<string, Row[]>()
  let delay = initialDelay

  function write(input: SignalInput): Signal {
    const stamp = clock.stamp()
    const signal: Signal = {
      id: randomUUID(),
      account_id: input.account,
      project_id: input.project,
      identity_id: input.identityId,
      ...(input.missionId === undefined ? {} : { mission_id: input.missionId }),
      signal_type: input.type,
      severity: input.severity,
      source: input.source,
      ...(input.payload === undefined ? {} : { payload: input.payload }),
      created_at: input.createdAt ?? formatStamp(stamp, 9),
    }
    const list = rows.get(tenantKey(input)) ?? []
    rows.set(tenantKey(input), list)
    list.push({ signal, listedAt: input.createdAt ?? formatStamp(stamp, 6) })
    streams.publish(signal)
    return signal
  }

  function revokes({ severity, identityId, account, project }: SignalInput): boolean {
    if (severity !== 'high' && severity !== 'critical') return false
    // A tenant may name any identity; only its own lose their credentials.
    const identity = store.identity(identityId)
    return identity?.account === account && identity.project === project
  }

  function ingest(input: SignalInput): { signal: Signal; settled: Promise<void> } {
    const signal = write(input)
    if (!revokes(input)) return { signal, settled: Promise.resolve() }
    if (delay > 0) {
      const settled = sleep(delay).then(() => void credentials.revokeIdentity(input.identityId))
      return { signal, settled }
    }
    credentials.revokeIdentity(input.identityId)
    return { signal, settled: Promise.resolve() }
  }

  return {
    ingest,
    list: (tenant, limit) =>
      (rows.get(tenantKey(tenant)) ?? [])
        .slice(-limit)
        .reverse()
        .map(({ signal, listedAt }) => ({ ...signal, created_at: listedAt })),
    retire(identity, type, reason) {
      identity.status = 'deactivated'
      identity.updatedAt = clock.stamp()
      store.revokeApiKeys(identity.id)
      credentials.revokeIdentity(identity.id)
      const { account, project, id } = identity
      return ingest({
        account,
        project,
        identityId: id,
        type,
        severity: 'high',
        source: 'identity_lifecycle',
        payload: { reason },
      }).signal
    },
    revokeDelay(ms) {
      delay = ms
    },
  }
}
