import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { PolicyError } from './problems.ts'

/** Largest file that is read, in bytes. */
const maxBytes = 1_048_576

/**
 * Reads a file of rules, or of cases for them. A file that never ends, or that somebody would have
 * to write to first, is refused unread.
 *
 * @param path of the file, at most a mebibyte of UTF-8
 * @throws PolicyError where it is no such file; the system's error where it cannot be read
 */
export async function readText(path: string): Promise<string> {
  // Without it the opening of a named pipe waits for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await file.stat()
    if (stat.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' })
    if (!stat.isFile()) throw refused(path, 'is not a regular file')
    const chunks: Buffer[] = []
    // One byte more than may be tells a longer file, also one that grows while it is read.
    const stream = file.createReadStream({ start: 0, end: maxBytes, autoClose: false })
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    if (bytes.length > maxBytes) throw refused(path, 'is larger than 1 MiB')
    return decode(path, bytes)
  } finally {
    await file.close()
  }
}

function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refused(path, 'is not UTF-8 text')
  }
}

function refused(path: string, says: string): PolicyError {
  return new PolicyError([
    { path: '', line: undefined, column: undefined, message: `${path}: ${says}` },
  ])
}
