import type { ProxyKind } from '../proxies/index.ts'
import { configFor } from '../proxies/index.ts'
import { defaultOptions } from '../proxies/options.ts'
import type { FixId } from './advice.ts'
import { advice } from './advice.ts'
import { fixLines } from './fix-lines.ts'

/**
 * @param id what is amiss
 * @param kind which proxy; undefined where nobody knows
 * @param header the header that it showed on
 * @returns one sentence, and the lines of that proxy's shipped config that do it
 */
export function fixFor(
  id: FixId,
  kind: ProxyKind | undefined,
  header?: string,
): { readonly advice: string; readonly lines: readonly string[] } {
  if (kind === undefined) return { advice: advice[id], lines: [] }
  const oneByOne = id === 'copy' || id === 'claimed' || (id === 'strip' && kind === 'nginx')
  const named = oneByOne && header !== undefined ? linesOf(kind, header) : []
  return { advice: advice[id], lines: named.length > 0 ? named : (fixLines[kind]?.[id] ?? []) }
}

/** Where the shipped config says this header's name. */
function linesOf(kind: ProxyKind, header: string): readonly string[] {
  const text = Object.values(configFor(kind, defaultOptions))[0] ?? ''
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !line.startsWith('#') && line.toLowerCase().includes(header.toLowerCase()))
}
