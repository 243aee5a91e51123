import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * Reads certificate authorities. Node itself would pass over a file without any in silence.
 *
 * @param file PEM
 * @throws where it cannot be read, or holds no certificate
 */
export function readAuthorities(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error(`${JSON.stringify(file)} holds no PEM certificate`)
  for (const block of blocks) {
    try {
      new X509Certificate(block)
    } catch {
      throw new Error(`${JSON.stringify(file)} holds a certificate that cannot be read`)
    }
  }
  return blocks
}
