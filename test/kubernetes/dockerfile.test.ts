import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeWith, hadolint, pathOf, root } from './tools.ts'

const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')

function lint(text: string): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(pathOf(hadolint), ['--no-color', '-'], {
    input: text,
    encoding: 'utf8',
  })
  return { code: status, output: stdout + stderr }
}

describeWith('hadolint', [hadolint], () => {
  test('finds nothing in the Dockerfile', () => {
    expect(lint(dockerfile)).toEqual({ code: 0, output: '' })
  })

  test('finds a relative WORKDIR', () => {
    const { code, output } = lint(dockerfile.replaceAll('WORKDIR /app', 'WORKDIR app'))
    expect(code).toBe(1)
    expect(output).toContain('DL3000')
  })
})

describe('the Dockerfile', () => {
  test('runs as a number that is not root', () => {
    const users = [...dockerfile.matchAll(/^USER (.*)$/gm)].map(([, user]) => user)
    expect(users).toEqual(['1000:1000'])
  })
})
