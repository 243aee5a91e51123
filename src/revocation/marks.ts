import { later } from './decide.ts'
import type { Suspicion } from './facts.ts'

/** The marks of one tenant: "tokens of this subject issued up to T are dead". */
export interface Marks {
  get(key: string): Suspicion | undefined
  /** Raises the mark; marks only ever rise. */
  raise(key: string, suspicion: Suspicion): void
  /** Forgets marks on tokens that cannot live any more: those set before `cutoff` (server's ms). */
  prune(cutoff: number): void
  size(): number
  /** Forgets all, in silence. */
  clear(): void
}

export interface MarksOptions {
  /** Marks at most. */
  readonly max: number
  /** Told of each mark that gave way; what it stood for must not be lost. */
  readonly onDrop: (suspicion: Suspicion) => void
}

/**
 * A bounded memory of marks. What does not fit pushes the oldest out, which is never silent.
 *
 * @param options bound, and whom to tell what fell out
 */
export function createMarks({ max, onDrop }: MarksOptions): Marks {
  // A raised mark moves to the end, so the first is the one raised longest ago.
  const marks = new Map<string, Suspicion>()

  function drop(key: string, suspicion: Suspicion): void {
    marks.delete(key)
    onDrop(suspicion)
  }

  return {
    get: (key) => marks.get(key),
    raise(key, suspicion) {
      const raised = later(marks.get(key), suspicion) ?? suspicion
      marks.delete(key)
      const oldest = marks.size >= max ? marks.entries().next().value : undefined
      if (oldest !== undefined) drop(...oldest)
      marks.set(key, raised)
    },
    prune(cutoff) {
      for (const [key, suspicion] of marks) {
        if (suspicion.at >= cutoff) return
        drop(key, suspicion)
      }
    },
    size: () => marks.size,
    clear: () => marks.clear(),
  }
}
