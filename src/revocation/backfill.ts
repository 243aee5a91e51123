import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { SignalPage } from './admin-api.ts'
import type { Signal } from './signal.ts'
import { parseSignal } from './signal.ts'

/** One page of the list, read and parsed. */
export interface Page {
  /** Those that could be read, oldest first. */
  readonly signals: readonly Signal[]
  /** Entries of which not even the tenant could be read, by digests that tell them apart. */
  readonly unreadable: readonly string[]
}

/** What a reading of the list proved. */
export interface Coverage {
  /** When the list was asked for (monotonic). */
  readonly askedAt: number
  /**
   * Where what is known begins anew, milliseconds on the server's clock: 0 where the list was
   * shorter than asked for; undefined where it continues what was known.
   */
  readonly knownSince: number | undefined
}

/** Reads the signal list: the stream is a hint, the list is the truth. */
export interface Backfill {
  /**
   * Reads the list now; a call during a reading makes it read once more afterwards, since the
   * reading under way may have been asked for too early.
   */
  read(): void
  close(): void
}

export interface BackfillOptions {
  readonly clock: Clock
  readonly list: (limit: number) => Promise<SignalPage>
  /** Told before `onCovered`. */
  readonly onPage: (page: Page) => void
  readonly onCovered: (coverage: Coverage) => void
  readonly onFailure: (error: unknown) => void
}

const usualPage = 100
/** The server's own limit. */
const widestPage = 500

/**
 * Reads a page, and a wider one where the first does not reach back to the last reading. Where even
 * that does not, signals may lie between: then what is known begins anew.
 *
 * A signal that only the stream brought proves nothing of the ones before it, so only entries of
 * an earlier reading count. Nor does any of them do: a replica whose clock is ahead leaves an entry
 * on top of the list for as long as it is ahead.
 *
 * @param options how to read, and whom to tell
 */
export function createBackfill(options: BackfillOptions): Backfill {
  const { clock, list, onPage, onCovered, onFailure } = options
  /** The last reading, oldest first. */
  let listed: ReadonlySet<string> = new Set()
  let first = true
  let reading = false
  let again = false
  let closed = false

  async function readOnce(): Promise<void> {
    const askedAt = clock.monotonic()
    const usual = await readPage(usualPage)
    const page = usual.full && !usual.continues ? await readPage(widestPage) : usual
    if (closed) return
    onPage({ signals: page.signals, unreadable: page.unreadable })
    listed = new Set(page.keys)
    onCovered({ askedAt, knownSince: knownSinceOf(page) })
    first = false
  }

  async function readPage(limit: number): Promise<ReadPage> {
    const { entries, full } = await list(limit)
    const signals: Signal[] = []
    const unreadable: string[] = []
    const keys: string[] = []
    const copies = new Map<string, number>()
    for (const entry of entries.toReversed()) {
      const signal = parseSignal(entry)
      if (signal !== undefined) {
        signals.push(signal)
        keys.push(signal.id)
      } else {
        const digest = hash('sha256', JSON.stringify(entry), 'base64')
        const copy = copies.get(digest) ?? 0
        copies.set(digest, copy + 1)
        // One more of the same kind may be one more revocation.
        unreadable.push(`${digest}${copy}`)
        keys.push(`${digest}${copy}`)
      }
    }
    return { signals, unreadable, keys, full, continues: reaches(keys) }
  }

  /** Whether a page goes back to an entry of the last reading, with everything newer than that. */
  function reaches(keys: readonly string[]): boolean {
    const [oldest] = keys
    const [oldestListed] = listed
    return (
      (oldest !== undefined && listed.has(oldest)) ||
      (oldestListed !== undefined && keys.includes(oldestListed))
    )
  }

  function knownSinceOf(page: ReadPage): number | undefined {
    if (!page.full) return first ? 0 : undefined
    if (page.continues) return undefined
    // An oldest entry without a readable date dates nothing: the newest that has one must do.
    const oldest = page.signals.find(({ createdAt }) => createdAt !== undefined)?.createdAt
    return oldest ?? Number.POSITIVE_INFINITY
  }

  async function run(): Promise<void> {
    reading = true
    do {
      again = false
      try {
        await readOnce()
      } catch (error) {
        if (!closed) onFailure(error)
      }
      // Also after a failure: whoever asked meanwhile, such as a new stream, is still to be answered.
    } while (again && !closed)
    reading = false
  }

  return {
    read() {
      if (closed) return
      if (reading) again = true
      else void run()
    },
    close() {
      closed = true
    },
  }
}

interface ReadPage extends Page {
  /** What tells the entries apart, oldest first. */
  readonly keys: readonly string[]
  /** There may be more. */
  readonly full: boolean
  /** Reaches back to the last reading. */
  readonly continues: boolean
}
