/** Longest path that is read, in bytes. Longer ones are refused unread. */
const maxPathLength = 8_192

/** RFC 3986 §3.3 `pchar` without escapes, and without `;`, which servlets cut segments at. */
const whole = /^(?:\/(?!\.+(?:\/|$))[\w\-.~!$&'()*+,=:@]+)*\/?$/
const escaped = /^(?:\/(?:[\w\-.~!$&'()*+,=:@]|%[\dA-Fa-f]{2})+)*\/?$/
/** Controls, and what divides a path or would be decoded once more: `# % / ; ? \`. */
const refusedEscape = /%(?:[01][\da-f]|2[35f]|3[bf]|5c|7f)/i
/** C1 controls, and segments that file systems take for `.`, `..` or nothing. */
const refusedText = /[\u0080-\u009f]|\/[. ]+(?:\/|$)/
/** Escapes of what may as well be written unescaped. */
const needlessEscape = /%(2[146-9a-e]|3[\dad]|4[\da-f]|5[\daf]|6[1-9a-f]|7[\dae])/gi

/**
 * A path as every backend reads it, or none. Escapes are decoded once. What would not survive that,
 * or what two backends could read differently, is refused: dot segments in any spelling, empty
 * segments, `\`, `;`, `#`, their escapes and those of `/`, `?`, `%` and controls, malformed escapes,
 * invalid UTF-8, characters that no URI has, and more than 8 KiB.
 *
 * @param raw the path as it was sent; a query is cut off
 * @returns the path decoded; undefined where it is refused
 * @see RFC 3986 §3.3 and §6.2.2
 */
export function normalisePath(raw: string): string | undefined {
  const path = withoutQuery(raw)
  if (path === '' || path.length > maxPathLength) return undefined
  return whole.test(path) ? path : decodePath(path)
}

/**
 * The same path as a backend reads it that compares before it decodes: an escape that nobody needs
 * to write, such as `%61`, is left as it is. What can be written in no other way is decoded.
 *
 * @param raw a path that {@link normalisePath} takes
 */
export function readLiterally(raw: string): string {
  return decodeURIComponent(withoutQuery(raw).replace(needlessEscape, '%25$1'))
}

function withoutQuery(raw: string): string {
  const query = raw.indexOf('?')
  return query === -1 ? raw : raw.slice(0, query)
}

function decodePath(path: string): string | undefined {
  if (!escaped.test(path) || refusedEscape.test(path)) return undefined
  try {
    // Strict about UTF-8 (RFC 3629 §3): overlong forms and surrogates throw.
    const text = decodeURIComponent(path)
    return refusedText.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
