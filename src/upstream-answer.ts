import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { UpstreamError } from './errors.ts'

/** An answer from ZeroID, read to its end. */
export interface UpstreamAnswer {
  readonly status: number
  /** The parsed body; undefined where it is no JSON. */
  readonly json: unknown
  /** `Date`, milliseconds since the epoch: of a cache's answer too, which is as old as that. */
  readonly date: number | undefined
  /** `Age`, milliseconds: the answer comes out of a cache; undefined: from the server itself. */
  readonly age: number | undefined
}

/**
 * Reads the body of an answer, and refuses what must not be read.
 *
 * @param answer whose head has come
 * @param limit bytes of the body at most
 * @param abort ends the exchange, whatever of it is left
 * @returns the answer, whatever its status
 * @throws UpstreamError for a redirect, a compressed body or one over the limit
 */
export async function readAnswer(
  answer: Dispatcher.ResponseData,
  limit: number,
  abort: () => void,
): Promise<UpstreamAnswer> {
  const status = answer.statusCode
  if (status >= 300 && status < 400) {
    abort()
    // A redirect would carry credentials to a place that no setting names.
    throw new UpstreamError('redirected', `HTTP ${status}, redirects are not followed`, { status })
  }
  const encoding = single(answer.headers['content-encoding'])
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    abort()
    throw new UpstreamError('encoded', 'the answer is compressed although identity was asked for')
  }

  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer.body) {
    length += (chunk as Buffer).length
    if (length > limit) {
      abort()
      throw new UpstreamError('too_large', `the answer is longer than ${limit} bytes`, { status })
    }
    chunks.push(chunk as Buffer)
  }
  const type = single(answer.headers['content-type']) ?? ''
  const json = parseJson(type, Buffer.concat(chunks).toString('utf8'))
  const date = Date.parse(single(answer.headers.date) ?? '')
  return {
    status,
    json,
    date: Number.isNaN(date) ? undefined : date,
    age: ageOf(answer.headers),
  }
}

function parseJson(type: string, text: string): unknown {
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * How old an answer is that comes out of a cache (RFC 9111 §5.1).
 *
 * @param headers of the answer
 * @returns milliseconds, 0 where it cannot be read; undefined: it comes from the server itself
 */
export function ageOf({ age }: IncomingHttpHeaders): number | undefined {
  if (age === undefined) return undefined
  const [first = ''] = String(age).split(',', 1)
  const seconds = Number(first)
  return seconds > 0 ? seconds * 1000 : 0
}

/**
 * A header as one value.
 *
 * @param value of a header that may have come several times: then the first
 */
export function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
