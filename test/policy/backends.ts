/** How a backend comes from the raw path to the one whose handler it runs. */
export interface Backend {
  readonly name: string
  /** What it overlooks of a path, and of its handlers' too, when it compares; undefined: nothing. */
  readonly overlooks?: {
    readonly case: true
    without(path: string): string
  }
  /** @returns undefined where it refuses the request itself */
  serves(raw: string): string | undefined
}

/** Backends as they are in the field, as far as paths go. */
export const backends: readonly Backend[] = [
  // Express 4 and 5: compares the raw path, without case and without the slash at the end.
  { name: 'express', overlooks: { case: true, without: trimSlash }, serves: unescapeNeeded },
  // Compares the raw path, letter by letter.
  { name: 'raw', serves: unescapeNeeded },
  // nginx: decodes once, merges slashes, resolves dots.
  { name: 'nginx', serves: (raw) => resolve(merge(decode(cut(raw, '?')))) },
  // Tomcat, Jetty: path parameters go first, then the same.
  {
    name: 'servlet',
    serves: (raw) => resolve(merge(decode(cut(raw, '?').replace(/;[^/]*/g, '')))),
  },
  // Parameters go after decoding.
  {
    name: 'late servlet',
    serves: (raw) => resolve(merge(decode(raw).replace(/;[^/]*/g, ''))),
  },
  // Two layers, each of which decodes.
  { name: 'double decoder', serves: (raw) => resolve(merge(decode(decode(raw)))) },
  // Browsers' URLs and many Windows servers.
  {
    name: 'backslashes',
    serves: (raw) => resolve(merge(decode(raw).replaceAll('\\', '/'))),
  },
  // IIS, and file names of Windows: no case, no dots or blanks at the end of a name.
  {
    name: 'iis',
    overlooks: { case: true, without: (path) => trimSlash(trimTails(path)) },
    serves: (raw) => resolve(merge(trimTails(decode(decodeIis(raw)).replaceAll('\\', '/')))),
  },
  // Ends at NUL, as C does; and where a second parser sees a query or a fragment.
  { name: 'c', serves: (raw) => resolve(merge(cut(decode(raw), '\0'))) },
  {
    name: 'reparser',
    serves: (raw) => resolve(merge(cut(cut(decode(raw), '?'), '#'))),
  },
  // Takes UTF-8 that is longer than it need be.
  { name: 'overlong', serves: (raw) => resolve(merge(decode(decodeOverlong(raw)))) },
  // File names of macOS and what compares identifiers (NFKC, UAX 31).
  {
    name: 'unicode',
    overlooks: { case: true, without: (path) => trimSlash(compatible(path)) },
    serves: (raw) => resolve(merge(compatible(decode(raw)))),
  },
  // One behind another, each of which overlooks something else.
  {
    name: 'all at once',
    overlooks: { case: true, without: (path) => trimSlash(trimTails(compatible(path))) },
    serves: (raw) => resolve(merge(trimTails(compatible(decode(raw))))),
  },
]

/**
 * The decoded path, where it is the one that every backend serves that overlooks nothing.
 *
 * @param raw as it was sent
 * @returns undefined where two of them serve different paths, so that nobody can tell
 */
export function agreedPath(raw: string): string | undefined {
  const plain = decode(raw)
  const decoding = backends.filter(({ name, overlooks }) => name !== 'raw' && !overlooks)
  const agreed = decoding.every(({ serves }) => serves(raw) === plain)
  return agreed && plain.startsWith('/') ? plain : undefined
}

/** Every escape, once; what is no UTF-8 stays as it is. */
function decode(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      return run
    }
  })
}

function decodeIis(text: string): string {
  return text.replace(/%u([\da-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function decodeOverlong(text: string): string {
  return text.replace(/%c0%([89ab][\da-f])/gi, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16) & 0x3f),
  )
}

/** Only what could not be written otherwise: the way in which a raw path is written in a handler. */
function unescapeNeeded(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (run) => {
    const plain = decode(run)
    return [...plain]
      .map((it) => (/[\w\-.~!$&'()*+,;=:@/%?#\\]|\p{Cc}/u.test(it) ? encodeChar(it) : it))
      .join('')
  })
}

function encodeChar(char: string): string {
  return `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}

function cut(text: string, at: string): string {
  return text.split(at)[0] ?? ''
}

function merge(path: string): string {
  return path.replace(/\/{2,}/g, '/')
}

function resolve(path: string): string {
  const segments: string[] = []
  const parts = path.split('/').slice(1)
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1
    if (part === '..') segments.pop()
    if (part !== '.' && part !== '..') segments.push(part)
    else if (last) segments.push('')
  }
  return `/${segments.join('/')}`
}

function compatible(path: string): string {
  return path.replace(/\u00ad|\u200b/g, '').normalize('NFKC')
}

function trimTails(path: string): string {
  return path
    .split('/')
    .map((part) => (part === '.' || part === '..' ? part : part.replace(/[. ]+$/, '')))
    .join('/')
}

function trimSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
