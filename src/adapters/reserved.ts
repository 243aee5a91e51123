import { identityHeaderNames } from '../http/identity-headers.ts'
import type { HeaderViews } from '../raw-headers.ts'
import { removeHeaders, removeTrailers } from '../raw-headers.ts'
import type { DirectRequest } from '../request/direct.ts'
import type { BodySource } from './body.ts'
import type { Connection } from './connection-end.ts'

/** A request as it arrives; Node's `IncomingMessage` is one. */
export interface IncomingRequest extends HeaderViews, DirectRequest, BodySource {
  readonly rawHeaders: string[]
  readonly socket?: Connection | null | undefined
  once?(event: 'end', listener: () => void): unknown
}

const reserved = new Set(identityHeaderNames.map((name) => name.toLowerCase()))
const none: readonly string[] = []

/**
 * Whether a name is one that only the gate may set. WSGI, PHP and CGI take `-`, `_` and `.` for the
 * same character, so every spelling is.
 */
function isReserved(name: string): boolean {
  // All of them begin with an x: most names are told apart by that.
  if ((name.charCodeAt(0) | 0x20) !== 0x78) return false
  return reserved.has(name.toLowerCase().replace(/[_.]/g, '-'))
}

/**
 * Takes from a request, in place, what would look like the gate's own word: the reserved headers,
 * and the reserved trailers when its body has been read.
 *
 * @param request before anybody else reads it
 * @param onRemoved told how many there were, where there were any
 * @returns the names of the headers removed, as they were sent
 */
export function stripReserved(
  request: IncomingRequest,
  onRemoved: (count: number) => void,
): readonly string[] {
  const { rawHeaders, httpVersionMajor = 1 } = request
  let found = false
  // Of HTTP/2 any body may have trailers, and none says so before.
  let mayTrail = httpVersionMajor > 1
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (isReserved(name)) found = true
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      mayTrail = true
    }
  }
  if (mayTrail) {
    // They may be there already, where something else ran before.
    stripTrailers(request, onRemoved)
    request.once?.('end', () => stripTrailers(request, onRemoved))
  }
  if (!found) return none
  const removed = removeHeaders(request, isReserved)
  onRemoved(removed.length)
  return removed
}

/**
 * Takes the reserved trailers from a request, in place, as far as they have come: they are there
 * before anybody has read the body to its end.
 *
 * @param request whose
 * @param onRemoved told how many there were, where there were any
 */
export function stripTrailers(request: IncomingRequest, onRemoved: (count: number) => void): void {
  if (request.rawTrailers === undefined || request.rawTrailers.length === 0) return
  const { length } = removeTrailers(request, isReserved)
  if (length > 0) onRemoved(length)
}
