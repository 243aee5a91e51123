import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { onTestFinished } from 'vitest'

/** An answer that stays open. */
export interface OpenStream {
  /** What came so far. */
  readonly text: () => string
  /** Resolves with all that came when the server ended it. */
  readonly ended: () => Promise<string>
  readonly leave: () => void
}

/** Opens `GET /stream` and waits for its first event. */
export async function openStream(
  url: string,
  token: string,
  path: string = '/stream',
): Promise<OpenStream> {
  let text = ''
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const request = get(url + path, { headers, agent: false }, resolve)
    request.on('error', reject)
    onTestFinished(() => void request.destroy())
  })
  if (response.statusCode !== 200) throw new Error(`the stream answered ${response.statusCode}`)
  response.setEncoding('utf8')
  const first = new Promise<void>((resolve) => response.once('data', () => resolve()))
  const ended = new Promise<string>((resolve) => {
    response.on('close', () => resolve(text))
    response.on('error', () => {})
  })
  response.on('data', (chunk: string) => {
    text += chunk
  })
  await first
  return { text: () => text, ended: () => ended, leave: () => void response.destroy() }
}
