/** Deepest nesting that is read. ZeroID's deepest claim is `act` at 16 levels. */
const maxDepth = 32

const backslash = 0x5c
const colon = 0x3a
const space = 0x20
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A JSON object as it came: nothing is known of its members yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Parses one JSON object strictly: valid UTF-8 without a byte order mark, no member twice
 * (RFC 7519 §4: a parser may refuse duplicates), no `__proto__` member, not nested too deeply.
 *
 * @param bytes the encoded text
 * @returns the object, or undefined where it is anything else
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    if (!isJsonObject(value)) return undefined
    return countMembers(value, 0) === countNames(text) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * @param value anything
 * @returns whether it is a JSON object, neither null nor an array
 */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * An own member of a parsed object; what it inherits is never seen.
 *
 * @param object a parsed JSON object
 * @param name the member
 */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** In valid JSON only a name is followed by a colon. */
function countNames(text: string): number {
  let names = 0
  let at = text.indexOf('"')
  while (at !== -1) {
    const end = endOfString(text, at + 1)
    if (isColonNext(text, end + 1)) names++
    at = text.indexOf('"', end + 1)
  }
  return names
}

/** Where the string that begins at `from` has its closing quote; the text is known to be JSON. */
function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from)
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1)
  return quote
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at
  while (text.charCodeAt(before - 1) === backslash) before--
  return (at - before) % 2 === 1
}

function isColonNext(text: string, from: number): boolean {
  let at = from
  while (text.charCodeAt(at) <= space) at++
  return text.charCodeAt(at) === colon
}

function countMembers(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (depth > maxDepth) throw new RangeError('nested too deeply')
  if (Object.hasOwn(value, '__proto__')) throw new RangeError('__proto__')
  const members: unknown[] = Object.values(value)
  let count = Array.isArray(value) ? 0 : members.length
  for (const inner of members) count += countMembers(inner, depth + 1)
  return count
}
