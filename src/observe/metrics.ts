import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Verdict } from '../verdict.ts'
import type { FeedReading } from './feed-metrics.ts'
import { createFeedMetrics } from './feed-metrics.ts'
import type { Observer } from './observer.ts'
import { combineObservers } from './observer.ts'
import { createPolicyMetrics } from './policy-metrics.ts'

/** What the gauges read at each scrape. */
export interface MetricsStatus {
  readonly ready: boolean
  readonly keys: { readonly age: number | undefined; readonly kids: readonly string[] }
  readonly tokens: number
  readonly clockOffset: number
  readonly tenants: readonly FeedReading[]
}

/** The gate's metrics. */
export interface Metrics {
  readonly observer: Observer
  readonly contentType: string
  /** The text of `/metrics`. */
  render(): Promise<string>
  /** Names where the gauges read from; before that they read 0. */
  follow(status: () => MetricsStatus): void
}

const p = 'zeroid_gate_'

/**
 * Prometheus metrics. Every label has a closed set of values: no stranger can multiply them.
 *
 * The hot path only adds to plain numbers; they become metrics when somebody scrapes.
 */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const verdicts = new Map<string, { outcome: string; reason: string; count: number }>()
  let hits = 0
  let misses = 0
  let status: (() => MetricsStatus) | undefined

  new Counter({
    name: `${p}verdicts_total`,
    help: 'Verdicts by outcome and reason; for an allow the reason is its evidence.',
    labelNames: ['outcome', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const { outcome, reason, count } of verdicts.values())
        this.inc({ outcome, reason }, count)
    },
  })
  new Counter({
    name: `${p}token_lookups_total`,
    help: 'Tokens found in memory (hit) and tokens that had to be verified (miss).',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      this.inc({ result: 'hit' }, hits)
      this.inc({ result: 'miss' }, misses)
    },
  })
  const duration = new Histogram({
    name: `${p}check_duration_seconds`,
    help: 'Time from a check to its verdict.',
    buckets: [0.000005, 0.00002, 0.0001, 0.0005, 0.002, 0.01, 0.05, 0.25, 1, 2.5],
    registers,
    collect: settle,
  })
  // One at a time each would cost more than the decision it measures.
  const durations = new Float64Array(256)
  let unsettled = 0
  function settle(): void {
    const settling = unsettled
    unsettled = 0
    for (let i = 0; i < settling; i++) duration.observe(durations[i] as number)
  }
  const introspections = new Counter({
    name: `${p}introspections_total`,
    help: 'Introspections by result.',
    labelNames: ['result'],
    registers,
  })
  const introspectionDuration = new Histogram({
    name: `${p}introspection_duration_seconds`,
    help: 'Time that the server took to answer an introspection.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers,
  })
  const reloads = new Counter({
    name: `${p}jwks_reloads_total`,
    help: 'Loads of the key set by result.',
    labelNames: ['result'],
    registers,
  })
  const reserved = new Counter({
    name: `${p}reserved_headers_total`,
    help: 'Headers that only the gate may set and that a client sent; stripped.',
    registers,
  })
  showStatus(registry, () => status?.())

  function count(verdict: Verdict): void {
    const reason = verdict.outcome === 'allow' ? verdict.evidence.kind : verdict.reason
    // The lists of reasons and the kinds of evidence have no word in common.
    const entry = verdicts.get(reason)
    if (entry !== undefined) entry.count++
    else verdicts.set(reason, { outcome: verdict.outcome, reason, count: 1 })
  }

  const feeds = createFeedMetrics(registry, () => status?.().tenants ?? [])
  const own: Observer = {
    verdict(verdict, seconds) {
      count(verdict)
      durations[unsettled++] = seconds
      if (unsettled === durations.length) settle()
    },
    lookup(hit) {
      if (hit) hits++
      else misses++
    },
    introspection(result, seconds) {
      introspections.inc({ result })
      introspectionDuration.observe(seconds)
    },
    keysReloaded: (result) => reloads.inc({ result }),
    reservedHeader: (count) => reserved.inc(count),
  }

  return {
    observer: combineObservers(own, feeds, createPolicyMetrics(registry)),
    contentType: registry.contentType,
    render: () => registry.metrics(),
    follow(read) {
      status = read
    },
  }
}

/** Gauges that read the gate's status at each scrape. */
function showStatus(registry: Registry, status: () => MetricsStatus | undefined): void {
  const gauge = (name: string, help: string, read: (now: MetricsStatus) => number): void => {
    new Gauge({
      name: p + name,
      help,
      registers: [registry],
      collect() {
        const now = status()
        if (now === undefined) this.reset()
        else this.set(read(now))
      },
    })
  }
  gauge('ready', '1 where verdicts can be given.', (now) => (now.ready ? 1 : 0))
  gauge('jwks_age_seconds', 'Age of the key set in use; NaN before the first.', ({ keys }) =>
    keys.age === undefined ? Number.NaN : keys.age / 1000,
  )
  gauge('jwks_keys', 'Keys in use.', ({ keys }) => keys.kids.length)
  gauge('tokens', 'Tokens remembered.', (now) => now.tokens)
  gauge('clock_offset_seconds', "How far ZeroID's clock is ahead.", (now) => now.clockOffset / 1000)
}
