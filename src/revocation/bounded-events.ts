import { Transform } from 'node:stream'

/** Longest event of a stream, in bytes. ZeroID's signals are a few hundred. */
export const maxEventLength = 1_048_576

const lineFeed = 10
const carriageReturn = 13

/**
 * Passes an event stream on and fails it where one event, or one line, grows past the bound: the
 * parser behind it keeps an event until its empty line comes. Takes one chunk in each turn of the
 * event loop, so that a burst of signals does not hold up the requests.
 *
 * @param limit bytes, default 1 MiB
 */
export function createEventBound(limit: number = maxEventLength): Transform {
  let line = 0
  let event = 0
  let last = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const byte of chunk) {
        event++
        if (byte !== lineFeed && byte !== carriageReturn) line++
        // The second half of a CRLF ends no line of its own.
        else if (byte !== lineFeed || last !== carriageReturn) {
          if (line === 0) event = 0
          line = 0
        }
        last = byte
        if (event > limit) return done(new Error(`an event is longer than ${limit} bytes`))
      }
      this.push(chunk)
      // The socket may have megabytes ready: whatever else is due comes before the next chunk.
      setImmediate(done)
    },
  })
}
