import { identityHeaderNames } from '../http/identity-headers.ts'

/** The value that no gate ever gives. */
export const forgedValue = 'forged-by-doctor'

const folded = new Set(identityHeaderNames.map(fold))

/** As a backend reads a name that has only letters, digits and one separator. */
function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '_')
}

/** Whether some backend takes this name for an identity header. */
export function isIdentityHeader(name: string): boolean {
  const read = fold(name)
  return folded.has(read) || read.startsWith('x_zeroid_')
}

/** The identity headers in a list of names and values in turn, as sorted lines. */
export function identityLines(headers: readonly string[]): readonly string[] {
  const lines: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (isIdentityHeader(name)) lines.push(`${name.toLowerCase()}: ${headers[i + 1]}`)
  }
  return lines.sort()
}

/**
 * The whole closed list as a client could forge it.
 *
 * @param separator in place of each `-`
 */
export function forgedHeaders(separator: string): readonly string[] {
  return identityHeaderNames.flatMap((name) => [name.replaceAll('-', separator), forgedValue])
}

/** Names under which a forged value came through. */
export function forgedNames(headers: readonly string[]): readonly string[] {
  return headers.filter((_, i) => i % 2 === 0 && String(headers[i + 1]).includes(forgedValue))
}
