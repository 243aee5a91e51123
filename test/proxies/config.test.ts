import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { config } from '../../src/commands/config.ts'
import type { CommandError } from '../../src/commands/usage.ts'
import { proxyKinds } from '../../src/proxies/index.ts'

function run(...args: string[]): string {
  let output = ''
  expect(
    config(args, (text) => {
      output += text
    }),
  ).toBe(0)
  return output
}

function failure(...args: string[]): CommandError {
  try {
    config(args, () => {})
  } catch (error) {
    return error as CommandError
  }
  return expect.fail('no error')
}

test.each(proxyKinds)('prints a config for %s', (kind) => {
  expect(run(kind)).toMatch(/^# .*\n/)
})

test('puts the addresses in their places', () => {
  const text = run(
    ...['nginx', '--gate', 'unix:/run/gate.sock', '--backend', 'http://app:3000'],
    ...['--listen', '127.0.0.1:80'],
  )
  expect(text).toContain('server unix:/run/gate.sock;')
  expect(text).toContain('server app:3000;')
  expect(text).toContain('listen 127.0.0.1:80;')
})

test('writes files with --out and prints their names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroid-gate-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const names = run('haproxy', '--out', join(folder, 'new')).trim().split('\n')
  expect(names).toEqual([
    join(folder, 'new', 'haproxy.cfg'),
    join(folder, 'new', 'zeroid-gate.lua'),
  ])
  for (const name of names) expect(existsSync(name)).toBe(true)
  expect(readFileSync(names[1] ?? '', 'utf8')).toContain('core.register_action')
})

test.each([
  [
    ['apache'],
    'no proxy "apache"; there are nginx, caddy, traefik, envoy, haproxy, compose, kubernetes',
  ],
  [[], 'no proxy named'],
  [['nginx', 'caddy'], 'Unexpected "caddy"'],
  [['nginx', '--port', '1'], "Unknown option '--port'"],
  [['nginx', '--gate', 'ftp://x'], '--gate "ftp://x" is not http://host:port or unix:/path'],
  [['nginx', '--backend', 'x'], '--backend "x" is not http://host:port'],
  [['nginx', '--listen', 'x'], '--listen "x" is not port, :port or host:port'],
  [['compose', '--gate', 'http://x'], 'compose takes no --gate'],
  [['kubernetes', '--backend', 'http://x'], 'kubernetes takes no --backend'],
  [['traefik', '--gate', 'unix:/run/x'], "Traefik's forwardAuth cannot speak to a unix socket"],
])('refuses %j with exit code 64', (args, message) => {
  const error = failure(...args)
  expect(error.message).toContain(message)
  expect(error.exitCode).toBe(64)
})

test('says which file cannot be written', () => {
  const error = failure('nginx', '--out', '/dev/null/x')
  expect(error.message).toContain('/dev/null')
  expect(error.exitCode).toBe(1)
})
