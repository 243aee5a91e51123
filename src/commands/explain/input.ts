import { readFile } from 'node:fs/promises'
import { usage } from '../usage.ts'

/** Far past the longest token; what is larger is some other file. */
const maxBytes = 1_048_576

/**
 * Reads the token. `Bearer ` or `DPoP ` before it and blank space around it do not count.
 *
 * @param file its path; undefined or `-`: standard input
 * @throws CommandError (64) where there is none
 */
export async function readToken(file: string | undefined): Promise<string> {
  const text = file === undefined || file === '-' ? await readStdin() : await readText(file)
  const token = text.trim().replace(/^(bearer|dpop)(\s+|$)/i, '')
  if (token === '') throw usage('explain', 'no token given')
  return token
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as { code?: string }
    throw usage('explain', `${JSON.stringify(file)} cannot be read (${code ?? 'error'})`)
  }
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the token, then press Enter and Ctrl-D.\n')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    length += (chunk as Buffer).length
    if (length > maxBytes) throw usage('explain', 'standard input holds more than a token')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}
