import { createRequire } from 'node:module'
import type { DestinationStream, Logger } from 'pino'
import { destination as openDestination, pino } from 'pino'
import type { Allow, Deny, Unknown, Verdict } from '../verdict.ts'
import type { NoteFields, Observer } from './observer.ts'

/** How the log is written. */
export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format: 'json' | 'pretty'
  /** Where it goes, default standard output. */
  readonly destination?: NodeJS.WritableStream
}

/**
 * A log of one line for each denial, each `unknown` and each allow without evidence, and of what
 * operators should read. No line holds a token, a secret, or text of a token that nobody vouched
 * for.
 *
 * @param options level, format, destination
 */
export function createLog(options: LogOptions): Observer & { readonly flush: () => void } {
  // A line written at once would make every denial wait for the reader of the log.
  const output = options.destination ?? openDestination({ dest: 1, sync: false })
  const logger = createLogger(options, output)
  const flush = (): void => {
    if ('flushSync' in output) output.flushSync()
  }
  return {
    verdict(verdict, _seconds, route) {
      if (verdict.outcome === 'deny') logger.info({ ...denialFields(verdict), route }, 'denied')
      else if (verdict.outcome === 'unknown') {
        logger.warn({ ...unknownFields(verdict), route }, 'cannot tell')
      } else if (verdict.evidence.kind === 'none') {
        logger.warn(
          { ...callerFields(verdict), route },
          'allowed without evidence (GATE_ON_UNKNOWN=allow)',
        )
      }
    },
    shadow(route, refusal) {
      logger.info({ ...denialFields(refusal), outcome: 'shadow', route }, 'would be denied')
    },
    note(level, message, fields: NoteFields = {}) {
      logger[level](fields, message)
      // It may be the last that this process says.
      if (level === 'error') flush()
    },
    flush,
  }
}

function createLogger(
  { level, format }: LogOptions,
  output: NodeJS.WritableStream | DestinationStream,
): Logger {
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (format === 'json') {
    return pino({ ...settings, formatters: { level: (label) => ({ level: label }) } }, output)
  }
  // Loaded only for people: it would stay in the memory of every sidecar.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty')
  return pino(
    settings,
    pretty({ colorize: false, destination: output, translateTime: 'HH:MM:ss.l' }),
  )
}

function denialFields(verdict: Deny): NoteFields {
  return { ...callerFields(verdict), reason: verdict.reason, detail: verdict.detail }
}

function unknownFields(verdict: Unknown): NoteFields {
  return { ...callerFields(verdict), reason: verdict.reason, retryAfter: verdict.retryAfter }
}

function callerFields({ outcome, identity }: Verdict | Allow): NoteFields {
  if (identity === undefined) return { outcome }
  const { accountId, projectId, subject, tokenId } = identity
  return { outcome, tenant: `${accountId}/${projectId}`, sub: subject, jti: tokenId }
}
