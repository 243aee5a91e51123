import { z } from 'zod'

/** A CAE signal, as far as it bears on tokens. */
export interface Signal {
  readonly id: string
  readonly accountId: string
  readonly projectId: string
  /** A UUID; undefined where it is none, so that nobody can be told apart. */
  readonly identityId: string | undefined
  /** Whether the server revokes on it: `high`, `critical`, and what is not known. */
  readonly revoking: boolean
  /** Milliseconds since the epoch, the server's clock; undefined where it cannot be read. */
  readonly createdAt: number | undefined
  readonly missionId: string | undefined
}

const text = z.string().min(1).max(1_024)
/** Only what is needed to tell whose signal it is must be there; the rest is read with suspicion. */
const signalShape = z.object({
  id: text,
  account_id: text,
  project_id: text,
  identity_id: z.unknown().optional(),
  severity: z.unknown().optional(),
  created_at: z.unknown().optional(),
  mission_id: z.unknown().optional(),
  payload: z.unknown().optional(),
})
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Reads one signal of the stream or the list.
 *
 * @param value parsed JSON
 * @returns the signal; undefined where not even its tenant can be read
 */
export function parseSignal(value: unknown): Signal | undefined {
  const parsed = signalShape.safeParse(value)
  if (!parsed.success) return undefined
  const { id, account_id, project_id, identity_id, severity, created_at, mission_id, payload } =
    parsed.data
  return {
    id,
    accountId: account_id,
    projectId: project_id,
    identityId:
      typeof identity_id === 'string' && uuid.test(identity_id)
        ? identity_id.toLowerCase()
        : undefined,
    revoking: severity !== 'low' && severity !== 'medium',
    createdAt: parseTime(created_at),
    missionId:
      missionOf(mission_id) ??
      missionOf((payload as { mission_id?: unknown } | null | undefined)?.mission_id),
  }
}

/** RFC 3339; the server writes nanoseconds, of which milliseconds are kept. */
function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT/.test(value)) return undefined
  const time = Date.parse(value)
  return Number.isFinite(time) ? time : undefined
}

function missionOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 1_024 ? value : undefined
}
