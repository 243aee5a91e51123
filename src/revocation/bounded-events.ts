import type { Readable } from 'node:stream'
import { Transform } from 'node:stream'
import type { Turns } from './turns.ts'
import { createTurns } from './turns.ts'

/** Longest event of a stream, in bytes. ZeroID's signals are a few hundred. */
export const maxEventLength = 1_048_576

/** Bytes that are taken in one turn of the event loop: some hundred signals. */
const mostInOneTurn = 65_536
const lineFeed = 10
const carriageReturn = 13

/**
 * Passes an event stream on and fails it where one event, or one line, grows past the bound: the
 * parser behind it keeps an event until its empty line comes. What piles up meanwhile is taken in
 * one piece in each turn, so that a burst of signals does not hold up the requests.
 *
 * @param limit bytes, default 1 MiB
 * @param turns shared by the streams of one process; default: its own
 */
export function createEventBound(
  limit: number = maxEventLength,
  turns: Turns = createTurns(),
): Transform {
  let line = 0
  let event = 0
  let last = 0
  return new Transform({
    writableHighWaterMark: mostInOneTurn,
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
      // The socket may have megabytes ready: whatever else is due comes before the next piece.
      turns.next(done)
    },
    writev(chunks, done) {
      this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done)
    },
  })
}

/**
 * The same for the body of an answer, which may end in an error.
 *
 * @param body an event stream
 * @param turns shared by the streams of one process
 */
export function boundEvents(body: Readable, turns: Turns): Readable {
  const bounded = createEventBound(maxEventLength, turns)
  body.once('error', (error) => bounded.destroy(error))
  body.once('close', () => bounded.end())
  return body.pipe(bounded)
}
