import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createEventBound } from '../../src/revocation/bounded-events.ts'

async function pass(chunks: readonly string[], limit: number): Promise<string> {
  let text = ''
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(
    createEventBound(limit),
  )
  for await (const chunk of stream) text += chunk
  return text
}

const ends = [
  ['LF', '\n'],
  ['CRLF', '\r\n'],
  ['CR', '\r'],
] as const

describe.each(ends)('the bound of an event, lines ended by %s', (_name, end) => {
  it('passes any number of short events on as they are', async () => {
    const text = `data: 12345${end}${end}`.repeat(1_000)
    expect(await pass([text], 30)).toBe(text)
    expect(await pass([...text], 30)).toBe(text)
  })

  it('refuses a line past the limit', async () => {
    await expect(pass(['x'.repeat(31)], 30)).rejects.toThrow('longer than 30 bytes')
    await expect(pass([...'x'.repeat(31)], 30)).rejects.toThrow('longer than 30 bytes')
  })

  it('refuses an event of short lines past the limit', async () => {
    const text = `data: 1${end}`.repeat(10)
    await expect(pass([text], 30)).rejects.toThrow('longer than 30 bytes')
    await expect(pass([...text], 30)).rejects.toThrow('longer than 30 bytes')
  })

  it('begins anew after an empty line', async () => {
    const text = `${'x'.repeat(20)}${end}${end}${'x'.repeat(20)}${end}${end}`
    expect(await pass([text], 26)).toBe(text)
  })
})

describe('the bound of an event', () => {
  it('is a mebibyte unless told', async () => {
    const bound = createEventBound()
    bound.resume()
    bound.write(Buffer.alloc(1_048_576, 'x'))
    const failed = new Promise((resolve) => bound.on('error', resolve))
    bound.write('x')
    expect(await failed).toMatchObject({ message: 'an event is longer than 1048576 bytes' })
  })

  it('takes what piled up during a turn in one piece, and counts across the pieces', async () => {
    const text = 'data: 12345\n\n'
    const pieces: string[] = []
    const bound = createEventBound(30)
    bound.on('data', (piece: Buffer) => void pieces.push(String(piece)))
    for (let sent = 0; sent < 100; sent++) bound.write(text)
    bound.end('x'.repeat(31))
    const failed = new Promise((resolve) => bound.on('error', resolve))
    expect(await failed).toMatchObject({ message: 'an event is longer than 30 bytes' })
    expect(pieces).toEqual([text])
  })

  it('passes what piled up on in order', async () => {
    const bound = createEventBound(30)
    const lines = Array.from({ length: 100 }, (_, i) => `data: ${i}\n\n`)
    for (const line of lines) bound.write(line)
    bound.end()
    const pieces = await bound.toArray()
    expect(pieces.join('')).toBe(lines.join(''))
    expect(pieces).toHaveLength(2)
  })
})
