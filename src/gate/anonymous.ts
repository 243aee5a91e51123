import { readAuthorization } from '../token/bearer.ts'
import type { CheckRequest } from './terms.ts'

/**
 * Whether a request names nobody: it has no `Authorization` at all. One that cannot be read is none
 * of those.
 *
 * @param request whose headers are read
 */
export function isAnonymous({ rawHeaders }: CheckRequest): boolean {
  const value = readAuthorization(rawHeaders)
  return typeof value !== 'string' && value.reason === 'missing_token'
}
