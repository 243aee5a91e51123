import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { identityHeaderNames } from '../../src/http/identity-headers.ts'
import { configFor, proxyKinds } from '../../src/proxies/index.ts'
import { defaultOptions } from '../../src/proxies/options.ts'

const deploy = new URL('../../deploy/', import.meta.url)
const folder = (kind: string): string => (kind === 'compose' ? '' : `${kind}/`)

describe.each(proxyKinds)('deploy: %s', (kind) => {
  const files = Object.entries(configFor(kind, defaultOptions))

  test.each(files)('%s is what the command prints', (name, text) => {
    const shipped = new URL(`${folder(kind)}${name}`, deploy)
    const advice = `run: node dist/cli.js config ${kind} --out deploy/${folder(kind)}`
    expect(existsSync(shipped), advice).toBe(true)
    expect(readFileSync(shipped, 'utf8'), advice).toBe(text)
  })

  test.each(files.filter(([name]) => /\.ya?ml$/.test(name)))('%s is YAML', (_name, text) => {
    for (const document of parseAllDocuments(text)) expect(document.errors).toEqual([])
  })

  // Traefik names it by a pattern.
  if (kind === 'traefik') return
  test('names the whole closed list', () => {
    const text = files
      .map(([, content]) => content)
      .join('\n')
      .toLowerCase()
    for (const name of identityHeaderNames) expect(text).toContain(name.toLowerCase())
  })
})

test('the README names every proxy and its files', () => {
  const readme = readFileSync(new URL('README.md', deploy), 'utf8')
  for (const kind of proxyKinds) {
    // The manifests have a README of their own.
    const names =
      kind === 'kubernetes' ? ['README.md'] : Object.keys(configFor(kind, defaultOptions))
    for (const name of names) {
      expect(readme).toContain(`${folder(kind)}${name}`)
    }
  }
})
