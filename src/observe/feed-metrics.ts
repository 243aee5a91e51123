import type { Registry } from 'prom-client'
import { Counter, Gauge, Histogram } from 'prom-client'
import type { Observer } from './observer.ts'

/** What one feed says of itself at a scrape. */
export interface FeedReading {
  /** `account/project` where the settings name the tenant, else `other`. */
  readonly label: string
  readonly state: 'connecting' | 'live' | 'lost'
  /** Milliseconds for which it has been so. */
  readonly stateAge: number
  /** Milliseconds since the last proof of life. */
  readonly proofAge: number | undefined
  /** ISO 8601: every signal since is known; undefined where nothing is. */
  readonly knownSince: string | undefined
  readonly marks: number
  readonly pending: number
}

const p = 'zeroid_gate_'
const states = ['connecting', 'live', 'lost'] as const

/**
 * Metrics of the signal feeds. Tenants are labels only where the settings name them.
 *
 * @param registry where they are shown
 * @param read the feeds at the time of a scrape
 */
export function createFeedMetrics(
  registry: Registry,
  read: () => readonly FeedReading[],
): Observer {
  const registers = [registry]
  const signals = new Counter({
    name: `${p}signals_total`,
    help: 'Signals by what they turned out to be and how they came.',
    labelNames: ['kind', 'via'],
    registers,
  })
  const missed = new Counter({
    name: `${p}signals_missed_by_stream_total`,
    help: 'Signals that only the list brought while the stream was live (a replica, a full queue).',
    labelNames: ['tenant'],
    registers,
  })
  const lag = new Histogram({
    name: `${p}revocation_lag_seconds`,
    help: 'Time from the creation of a signal to its mark.',
    labelNames: ['tenant'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  new Gauge({
    name: `${p}feeds`,
    help: 'Feeds by state.',
    labelNames: ['state'],
    registers,
    collect() {
      const feeds = read()
      for (const state of states) {
        this.set({ state }, feeds.filter((feed) => feed.state === state).length)
      }
    },
  })
  new Gauge({
    name: `${p}feed_state`,
    help: '1 for the state that the feed of a configured tenant is in, else 0.',
    labelNames: ['tenant', 'state'],
    registers,
    collect() {
      this.reset()
      for (const feed of read().filter(isConfigured)) {
        for (const state of states) {
          this.set({ tenant: feed.label, state }, feed.state === state ? 1 : 0)
        }
      }
    },
  })
  gauge(
    'feed_state_seconds',
    'For how long the feed of a configured tenant has been in its state.',
    () => configured(({ stateAge }) => stateAge / 1000),
  )
  gauge(
    'feed_known_since_timestamp_seconds',
    'Unix time since which every signal of a configured tenant is known; NaN where none is.',
    () =>
      configured(({ knownSince }) =>
        knownSince === undefined ? Number.NaN : Date.parse(knownSince) / 1000,
      ),
  )
  gauge(
    'feed_proof_age_seconds',
    'Time since the feed was last proved to work; the oldest of those that share a label.',
    () =>
      shared(
        (feeds) =>
          Math.max(...feeds.map(({ proofAge }) => proofAge ?? Number.POSITIVE_INFINITY)) / 1000,
      ),
  )
  gauge('marks', 'Marks kept.', () => shared((feeds) => sum(feeds, ({ marks }) => marks)))
  gauge('signals_pending', 'Signals that arrived and are not applied yet.', () =>
    shared((feeds) => sum(feeds, ({ pending }) => pending)),
  )

  function gauge(name: string, help: string, readings: () => readonly Reading[]): void {
    new Gauge({
      name: p + name,
      help,
      labelNames: ['tenant'],
      registers,
      collect() {
        this.reset()
        for (const [tenant, value] of readings()) this.set({ tenant }, value)
      },
    })
  }

  function configured(value: (feed: FeedReading) => number): readonly Reading[] {
    return read()
      .filter(isConfigured)
      .map((feed) => [feed.label, value(feed)])
  }

  function shared(value: (feeds: readonly FeedReading[]) => number): readonly Reading[] {
    return [...byLabel(read())].map(([label, feeds]) => [label, value(feeds)])
  }

  return {
    signal: (kind, via) => signals.inc({ kind, via }),
    signalMissed: (tenant) => missed.inc({ tenant }),
    revocation: (tenant, seconds) => lag.observe({ tenant }, seconds),
  }
}

/** A label and its value. */
type Reading = readonly [string, number]

function sum(feeds: readonly FeedReading[], value: (feed: FeedReading) => number): number {
  return feeds.reduce((total, feed) => total + value(feed), 0)
}

/** Others share one label: their number is told by state, and what sets them apart is not. */
function isConfigured({ label }: FeedReading): boolean {
  return label !== 'other'
}

function byLabel(feeds: readonly FeedReading[]): Map<string, FeedReading[]> {
  const groups = new Map<string, FeedReading[]>()
  for (const feed of feeds) groups.set(feed.label, [...(groups.get(feed.label) ?? []), feed])
  return groups
}
