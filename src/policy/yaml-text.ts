import type { Alias, Document, Node, Pair } from 'yaml'
import {
  Composer,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  Parser,
} from 'yaml'
import type { Position } from './policy.ts'
import type { Finding } from './problems.ts'
import { printable, quote } from './problems.ts'

/** What a YAML text says. */
export interface YamlText {
  readonly value: unknown
  /** What is wrong with it as YAML; the value is then not to be relied on. */
  readonly findings: readonly Finding[]
  /**
   * Where a part stands, or what is nearest to it from the outside.
   *
   * @param path keys and places
   * @param of the key itself, or (default) its value
   */
  locate(path: readonly PropertyKey[], of?: 'key' | 'value'): Position | undefined
}

/** How deep lists and mappings may lie in each other; a policy needs six levels. */
const maxDepth = 32
/** Values, each alias counted for as much as it stands for. */
const maxValues = 500_000

type Path = readonly PropertyKey[]

/**
 * Reads one YAML 1.2 document. Duplicate keys, tags, directives and further documents are refused;
 * aliases are followed as far as is bounded.
 *
 * @param text of at most a mebibyte, which is the caller's to see to
 */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter()
  const findings: Finding[] = []
  const sources = new Map<Alias, Node>()

  const positionOf = (offset: number | undefined): Position | undefined => {
    if (offset === undefined) return undefined
    const { line, col } = lines.linePos(offset)
    return line === 0 ? undefined : { line, column: col }
  }
  const complain = (offset: number | undefined, says: string, path: Path = []): undefined => {
    findings.push({ path, says, position: positionOf(offset) })
  }
  const documents = compose(text, lines, complain)
  const [document, second] = documents
  const root = document?.contents as Node | null | undefined
  if (second !== undefined) complain(second.range[0], 'must be one document, without ---')
  if (document?.directives.yaml.explicit) complain(0, 'must not have a %YAML directive')
  for (const { code, message, pos } of document?.errors ?? []) {
    complain(pos[0], code === 'RESOURCE_EXHAUSTION' ? 'is nested too deeply' : lowered(message))
  }
  const value = findings.length > 0 ? undefined : createReader(complain, sources)(root)
  return { value, findings, locate: createLocator(root, sources, positionOf) }
}

type Complain = (offset: number | undefined, says: string, path?: Path) => undefined

/** Step by step: the composer calls itself for every level, and is not safe on a deep stack. */
function compose(text: string, lines: LineCounter, complain: Complain): Document.Parsed[] {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const tokens = []
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token)
    // The stack holds a document and, for each level, a collection and what stands in it.
    if (parser.stack.length > 2 * maxDepth) {
      complain(parser.offset, 'is nested too deeply')
      return []
    }
  }
  for (const token of parser.end()) tokens.push(token)
  const options = { stringKeys: true, uniqueKeys: false, merge: false, schema: 'core' } as const
  return [...new Composer(options).compose(tokens, true, text.length)]
}

/** Turns nodes into plain values. */
function createReader(
  complain: Complain,
  sources: Map<Alias, Node>,
): (node: Node | null | undefined) => unknown {
  const anchors = new Map<string, Node>()
  const open = new Set<Node>()
  let count = 0
  let following = 0

  function read(node: Node | null | undefined, path: Path): unknown {
    count += 1
    if (count === maxValues + 1) complain(node?.range?.[0], 'has too many values', [])
    if (!node || count > maxValues) return null
    // Aliases of aliases lie deeper than the text.
    if (path.length > maxDepth) return complain(node.range?.[0], 'is nested too deeply')
    if (isAlias(node)) return follow(node, path)
    if (node.tag !== undefined) return complain(node.range?.[0], 'must not have tags', path)
    // An anchor counts from where it stands, not from where an alias leads back to it.
    if (node.anchor !== undefined && following === 0) anchors.set(node.anchor, node)
    if (!isCollection(node)) return isScalar(node) ? node.value : null
    open.add(node)
    const value = isMap(node)
      ? readMap(node.items, path)
      : node.items.map((item, i) => read(item as Node | null, [...path, i]))
    open.delete(node)
    return value
  }

  function readMap(items: readonly Pair[], path: Path): object {
    const entries = new Map<string, unknown>()
    for (const item of items) {
      const key = keyOf(item) ?? ''
      const at = [...path, key]
      if (entries.has(key)) complain(offsetOf(item.key), 'stands here twice', at)
      if (key === '<<') complain(offsetOf(item.key), 'merging is not known: write it out', at)
      entries.set(key, read(item.value as Node | null, at))
    }
    // As own members, also what JavaScript gives another meaning, such as `__proto__`.
    return Object.fromEntries(entries)
  }

  function follow(alias: Alias, path: Path): unknown {
    const source = sources.get(alias) ?? anchors.get(alias.source)
    const text = quote(`*${alias.source}`)
    if (source === undefined) {
      return complain(alias.range?.[0], `is an unknown alias: for the text write ${text}`, path)
    }
    if (open.has(source)) return complain(alias.range?.[0], 'contains itself', path)
    sources.set(alias, source)
    following += 1
    const value = read(source, path)
    following -= 1
    return value
  }

  return (node) => read(node, [])
}

function createLocator(
  root: Node | null | undefined,
  sources: ReadonlyMap<Alias, Node>,
  positionOf: (offset: number | undefined) => Position | undefined,
): YamlText['locate'] {
  return (path, of = 'value') => {
    let node: unknown = root
    let offset = offsetOf(root) ?? 0
    for (const [i, key] of path.entries()) {
      const collection = isAlias(node) ? sources.get(node) : node
      if (!isCollection(collection)) break
      const item = isMap(collection)
        ? collection.items.find((it) => keyOf(it) === key)
        : collection.items[Number(key)]
      if (item === undefined) break
      node = isPair(item) ? item.value : item
      const isKey = isPair(item) && of === 'key' && i === path.length - 1
      offset = (isKey ? undefined : offsetOf(node)) ?? offsetOf(isPair(item) && item.key) ?? offset
    }
    return positionOf(offset)
  }
}

function keyOf({ key }: Pair): string | undefined {
  return isScalar(key) ? String(key.value) : undefined
}

function offsetOf(node: unknown): number | undefined {
  const { range } = (node || {}) as { range?: readonly number[] | null }
  return range?.[0]
}

/** The library's own words, as far as the first line: the next show the text. */
function lowered(message: string): string {
  const [first = ''] = message.split('\n')
  return printable(first.charAt(0).toLowerCase() + first.slice(1, 200)).trim()
}
