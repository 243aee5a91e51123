import type { Claims } from '../../token/claims.ts'

/**
 * The times of a token, as people read them.
 *
 * @param claims of the token, where they could be read
 * @param offset how far the server's clock is ahead of ours, milliseconds
 * @param now epoch milliseconds, our clock
 */
export function timesOf(claims: Claims | undefined, offset: number, now: number): string {
  if (claims === undefined) return 'cannot be read'
  const server = now + offset
  const parts = [
    `issued ${ago(server - claims.issuedAt * 1000)}`,
    ...(claims.notBefore === undefined || claims.notBefore * 1000 <= server
      ? []
      : [`valid ${ago(server - claims.notBefore * 1000)}`]),
    left(claims.expiresAt * 1000 - server),
    `ZeroID's clock ${clock(offset)}`,
  ]
  return parts.join(', ')
}

function ago(ms: number): string {
  return ms < 0 ? `in ${span(-ms)}` : `${span(ms)} ago`
}

function left(ms: number): string {
  return ms < 0 ? `expired ${span(-ms)} ago` : `${span(ms)} left`
}

function clock(offset: number): string {
  if (Math.abs(offset) < 1_000) return 'agrees with ours'
  return `${span(Math.abs(offset))} ${offset > 0 ? 'ahead of' : 'behind'} ours`
}

function span(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`
}
