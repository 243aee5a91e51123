import type { Outcome } from './judge.ts'

/** Rows of which a proxy makes something else, and why. */
export interface Difference {
  readonly because: string
  /** By the row's name. */
  readonly rows: Readonly<Record<string, Outcome>>
}

function each(outcome: Outcome, because: string, rows: readonly string[]): Difference {
  return { because, rows: Object.fromEntries(rows.map((row) => [row, outcome])) }
}

const refuses = '400 by the proxy'
const strict = '403 insufficient_scope admin:all'

const noRequestLine = each(refuses, 'not a request line (RFC 9112 §3)', [
  'methods: a method that is none',
  'guarded: a raw blank',
  'guarded: no slash first',
  'guarded: nothing',
  'guarded: a query alone',
])
const rawControls = each(refuses, 'a raw control character (RFC 9112 §2.2, RFC 3986 §2)', [
  'guarded: a raw control character',
  'guarded: a raw NUL',
])
const noHost = each(refuses, 'no host (RFC 9112 §3.2)', [
  'hosts: two hosts',
  'hosts: a blank in the host',
  'hosts: a path in the host',
])
const brokenEscapes = each(refuses, 'a percent sign without two digits (RFC 3986 §2.1)', [
  'guarded: a percent sign alone',
  'guarded: half an escape',
  'guarded: an escape of no digits',
  'guarded: an escape of IIS',
])
const smallMethods = each(refuses, 'it knows methods in capitals only', [
  'methods: a method in small letters',
  'methods: a method with a capital',
])
const escapedNul = each(refuses, 'an escaped NUL', ['guarded: a NUL', 'guarded: a NUL at the end'])
const rawTab = each(refuses, 'a tab is no blank of a request line', ['guarded: a raw tab'])
const trailingTab = each(strict, 'a tab counts as the blank behind the path: the path is /admin', [
  'guarded: a raw tab',
])
const absoluteForm = each(strict, 'scheme and host are cut off (RFC 9112 §3.2.2)', [
  'guarded: an absolute form',
])
const asterisk = each(refuses, 'an asterisk is for OPTIONS alone (RFC 9112 §3.2.4)', [
  'guarded: an asterisk',
])
const rawFragment = each(refuses, 'a fragment is no part of a request (RFC 9110 §7.1)', [
  'guarded: a fragment',
])
const rawByte = each(refuses, 'a raw byte past ASCII', ['guarded: a raw byte past ASCII'])

const nginx: readonly Difference[] = [
  noRequestLine,
  rawControls,
  noHost,
  brokenEscapes,
  smallMethods,
  escapedNul,
  rawTab,
  absoluteForm,
  asterisk,
  each(refuses, 'an empty label of a host', ['hosts: an empty label']),
  each(refuses, 'above the root', ['guarded: up from the root']),
]

const caddy: readonly Difference[] = [
  noRequestLine,
  rawControls,
  noHost,
  brokenEscapes,
  rawTab,
  each(refuses, 'user information in a host', [
    'hosts: a user before the host',
    'untold: a host that cannot be read',
    'untold: a host that cannot be read, elsewhere',
  ]),
]

const envoy: readonly Difference[] = [
  noRequestLine,
  rawControls,
  noHost,
  smallMethods,
  escapedNul,
  trailingTab,
  absoluteForm,
  asterisk,
  rawFragment,
  rawByte,
  each(refuses, 'a method that its parser does not know', ['methods: a method with a hyphen']),
  each(strict, 'normalize_path: the gate and the backend get the path without dot segments', [
    'guarded: a dot segment first',
    'guarded: a dot segment behind',
    'guarded: a dot segment last',
    'guarded: up from the public part',
    'guarded: up from the root',
    'guarded: up with an escaped dot',
    'guarded: up with the first dot escaped',
    'guarded: up with both dots escaped',
    'guarded: up with capital escapes',
    'guarded: a dot segment escaped',
    'guarded: a path parameter on dots',
    'guarded: a path parameter on one dot',
  ]),
  each(strict, 'normalize_path: a backslash becomes a slash', ['guarded: a backslash']),
  each(strict, 'normalize_path: what needs no escape is decoded', [
    'guarded: an escaped letter',
    'guarded: all letters escaped',
    'guarded: an escape in capitals',
  ]),
  {
    because: 'normalize_path: the backend gets what is left of the path, and that is public',
    rows: {
      'guarded: up at the end': 'passes as /public/',
      'guarded: an ending with an escaped dot': 'passes as /reports/may.json',
      'guarded: quotes': 'passes as /public/%22x%22',
      'guarded: angle brackets': 'passes as /public/%3Cx%3E',
      'guarded: braces': 'passes as /public/%7Bx%7D',
      'guarded: a bar': 'passes as /public/a%7Cb',
      'guarded: a caret': 'passes as /public/a%5Eb',
      'guarded: a backtick': 'passes as /public/a%60b',
    },
  },
]

const haproxy: readonly Difference[] = [
  noRequestLine,
  rawControls,
  trailingTab,
  absoluteForm,
  rawFragment,
  rawByte,
  each('400 invalid_request', 'the gate refuses a list of hosts', ['hosts: two hosts']),
]

/** By the server's name: where a proxy differs from the rules alone, with TLS and without. */
export const differences: Readonly<Record<string, readonly Difference[]>> = {
  'nginx 1.22': nginx,
  'Caddy 2.11': caddy,
  'Envoy 1.40': envoy,
  'Envoy 1.40 in a mesh': envoy,
  'HAProxy 2.6': haproxy,
}
