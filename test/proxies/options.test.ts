import { expect, test } from 'vitest'
import {
  authority,
  OptionError,
  parseBackend,
  parseGate,
  parseListen,
} from '../../src/proxies/options.ts'

test.each([
  ['http://127.0.0.1:8900', { host: '127.0.0.1', port: 8900 }],
  ['http://gate', { host: 'gate', port: 80 }],
  ['http://[::1]:8900/', { host: '::1', port: 8900 }],
  ['unix:/run/zeroid-gate/gate.sock', { path: '/run/zeroid-gate/gate.sock' }],
])('reads the gate %s', (text, address) => {
  expect(parseGate(text)).toEqual(address)
})

test.each([
  '',
  'gate:8900',
  'https://gate:8900',
  'http://gate:0',
  'http://gate:65536',
  'http://gate/path',
  'http://gate?x=1',
  'http://user@gate',
  'http://ga te',
  'http://gate;}',
  'http://g$x',
  'unix:relative',
  'unix:/run/a b',
  'unix:/run/x;}',
])('refuses the gate %j', (text) => {
  expect(() => parseGate(text)).toThrow(OptionError)
})

test('a backend is never a socket', () => {
  expect(() => parseBackend('unix:/run/x')).toThrow('"unix:/run/x" is not http://host:port')
})

test.each([
  ['8000', { host: '', port: 8000 }],
  [':8000', { host: '', port: 8000 }],
  ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  ['[::1]:80', { host: '::1', port: 80 }],
])('reads the address to listen on %s', (text, address) => {
  expect(parseListen(text)).toEqual(address)
})

test.each(['', 'x', ':', ':0', ':70000', 'a b:1', '1;}:80'])('refuses to listen on %j', (text) => {
  expect(() => parseListen(text)).toThrow(OptionError)
})

test('writes an IPv6 host in brackets', () => {
  expect(authority({ host: '::1', port: 1 })).toBe('[::1]:1')
})
