import type { ServerResponse } from 'node:http'
import type { Answer } from '../http/answer.ts'

/**
 * Writes an answer as the door does, past whatever a framework would add to a body.
 *
 * @param response that nothing was written to
 * @param answer status, headers and body
 */
export function writeAnswer(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers as string[])
  response.end(answer.body)
}

/**
 * The headers of an answer by name; no name comes twice.
 *
 * @param answer whose
 */
export function headersOf({ headers }: Answer): Record<string, string> {
  const named: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) {
    named[headers[i] as string] = headers[i + 1] as string
  }
  return named
}
