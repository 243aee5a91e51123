/** The part of autocannon that the benchmarks use; the package brings no types. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  interface Request {
    headers?: Record<string, string>
    setupRequest?(request: Request): Request
  }

  interface Options {
    url: string
    /** Requests in all; the run ends with the last answer. */
    amount: number
    connections: number
    headers?: Record<string, string>
    requests?: Request[]
    /** Milliseconds between two looks at whether the run is over. */
    sampleInt?: number
    /** Seconds that one answer may take. */
    timeout?: number
  }

  interface Result {
    readonly errors: number
    readonly timeouts: number
    readonly resets: number
    readonly latency: { readonly p50: number; readonly p99: number }
    readonly statusCodeStats: Readonly<Record<string, { readonly count: number }>>
  }

  // biome-ignore lint/style/noDefaultExport: the package has no other
  export default function autocannon(options: Options): EventEmitter & PromiseLike<Result>
}
