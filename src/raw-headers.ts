/** The views that Node's `IncomingMessage` has of its headers and trailers; others lack some. */
export interface HeaderViews {
  readonly rawHeaders: string[]
  readonly headers?: Record<string, string | string[] | undefined>
  readonly rawTrailers?: string[]
  readonly trailers?: Record<string, string | undefined>
}

/** Whether a name, as it was sent, is meant. */
export type NameTest = (name: string) => boolean

/**
 * Removes headers from a request, in place, in every view that Node has of them.
 *
 * @param request whose
 * @param isMeant which
 * @returns the names removed, as they were sent
 */
export function removeHeaders(request: HeaderViews, isMeant: NameTest): readonly string[] {
  const removed = remove(request.rawHeaders, () => request.headers, isMeant)
  if (removed.length > 0) Reflect.set(request, 'headersDistinct', distinct(request.rawHeaders))
  return removed
}

/**
 * Removes trailers; they are there when the body has been read.
 *
 * @param request whose
 * @param isMeant which
 * @returns the names removed, as they were sent
 */
export function removeTrailers(request: HeaderViews, isMeant: NameTest): readonly string[] {
  const { rawTrailers = [] } = request
  const removed = remove(rawTrailers, () => request.trailers, isMeant)
  if (removed.length > 0) Reflect.set(request, 'trailersDistinct', distinct(rawTrailers))
  return removed
}

function remove(
  raw: string[],
  joined: () => Record<string, unknown> | undefined,
  isMeant: NameTest,
): readonly string[] {
  const removed = raw.filter((name, i) => i % 2 === 0 && isMeant(name))
  if (removed.length === 0) return removed
  // Node makes its joined views when they are first read, from as many raw headers as there were
  // at the start: this one is read before any goes, and the distinct one is made here.
  const view = joined()
  for (const name of removed) delete view?.[name.toLowerCase()]
  for (let i = raw.length - 2; i >= 0; i -= 2) if (isMeant(raw[i] as string)) raw.splice(i, 2)
  return removed
}

function distinct(raw: readonly string[]): Record<string, string[]> {
  const all: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    all[name] ??= []
    all[name].push(raw[i + 1] as string)
  }
  return all
}
