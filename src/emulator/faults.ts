import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RouteName } from './requests.ts'

/** A disturbance. `delay` comes first; then the first of reset, hang and an answer applies. */
export interface Fault {
  /** Milliseconds to wait before anything else. */
  delay?: number
  /** Resets the TCP connection. */
  reset?: boolean
  /** Accepts the request and never answers. */
  hang?: boolean
  /** Answers this status (200 when only a body is given) instead of the route. */
  status?: number
  body?: string | Uint8Array | AsyncIterable<string | Uint8Array>
  /** Default `application/json`. */
  contentType?: string
  headers?: Record<string, string>
  /** How many requests it applies to; default all. */
  times?: number
}

/** Faults by route. */
export interface Faults {
  /** Sets the fault of a route (`*`: of every route without its own), replacing the last one. */
  set(route: RouteName | '*', fault: Fault): void
  /** Takes a route's fault away; without a name, all of them. */
  clear(route?: RouteName | '*'): void
  /** Makes it `ms` milliseconds between a signal's row and the revocation it causes. */
  revokeDelay(ms: number): void
}

/** Faults, and their application. */
export interface FaultTable {
  readonly faults: Faults
  /** Applies the route's fault. True when the request has been dealt with. */
  apply(route: RouteName, incoming: IncomingMessage, outgoing: ServerResponse): Promise<boolean>
}

/** Makes an empty table of faults. */
export function createFaults(revokeDelay: (ms: number) => void): FaultTable {
  const table = new Map<RouteName | '*', Fault>()
  const left = new Map<Fault, number>()

  function take(route: RouteName): Fault | undefined {
    const place = table.has(route) ? route : '*'
    const fault = table.get(place)
    if (fault?.times === undefined) return fault
    const remaining = (left.get(fault) ?? fault.times) - 1
    left.set(fault, remaining)
    if (remaining <= 0) {
      table.delete(place)
      left.delete(fault)
    }
    return fault
  }

  return {
    faults: {
      set(route, fault) {
        table.set(route, { ...fault })
      },
      clear(route) {
        if (route === undefined) table.clear()
        else table.delete(route)
      },
      revokeDelay,
    },
    async apply(route, incoming, outgoing) {
      const fault = take(route)
      if (fault === undefined) return false
      if (fault.delay !== undefined) await sleep(fault.delay)
      if (fault.reset) {
        incoming.socket.resetAndDestroy()
        return true
      }
      if (fault.hang) return true
      if (fault.status === undefined && fault.body === undefined) return false
      await answer(fault, outgoing)
      return true
    },
  }
}

async function answer(fault: Fault, outgoing: ServerResponse): Promise<void> {
  const { status = 200, body = '', contentType = 'application/json', headers = {} } = fault
  outgoing.statusCode = status
  outgoing.setHeader('content-type', contentType)
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value)
  if (typeof body === 'string' || body instanceof Uint8Array) {
    outgoing.end(body)
    return
  }
  await pipeline(Readable.from(body), outgoing)
}
