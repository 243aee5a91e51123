import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCases } from '../../src/commands/policy/cases.ts'
import { judgeCase } from '../../src/commands/policy/verdict.ts'
import { policy } from '../../src/commands/policy.ts'
import { PolicyError, parsePolicy } from '../../src/policy/document.ts'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import { startStack } from '../helpers/stack.ts'
import { temporaryFolder } from './cli.ts'

const rules = `version: 1
routes:
  - { name: open, match: { path: /open }, allow: anonymous }
  - { name: plain, match: { path: /plain } }
  - { name: scoped, match: { path: /scoped }, require: { scopes: { all: [data:write] } } }
  - { name: required, match: { path: /required }, require: { dpop: required } }
  - { name: unasked, match: { path: /unasked }, require: { dpop: 'off' } }
  - name: shadow-required
    match: { path: /shadow-required }
    require: { dpop: required, scopes: { all: [data:write] } }
    shadow: true
  - name: shadow-unasked
    match: { path: /shadow-unasked }
    require: { dpop: 'off', scopes: { all: [data:write] } }
    shadow: true
`

describe('what policy test says of a case', () => {
  test('is what the gate says of such a request', async () => {
    const loaded = parsePolicy(rules)
    const { zeroid, url } = await startStack({}, {}, { policy: { current: () => loaded } })
    const key = makeProofKey()
    const tokens = {
      true: await zeroid.mint({ boundTo: key.thumbprint }),
      false: await zeroid.mint(),
    }
    const paths = [...loaded.routes.map(({ name }) => `/${name}`), '/none']
    const told: unknown[] = []
    for (const path of paths) {
      for (const caller of [
        undefined,
        ...[true, false].flatMap((bound) => [true, false].map((proved) => ({ bound, proved }))),
      ]) {
        const token = caller && tokens[`${caller.bound}`]
        const answer = await fetch(`${url}/oauth2/token/verify`, {
          headers: {
            'x-forwarded-method': 'GET',
            'x-forwarded-proto': 'https',
            'x-forwarded-host': 'api.example.com',
            'x-forwarded-uri': path,
            ...(token && { authorization: `${caller.proved ? 'DPoP' : 'Bearer'} ${token}` }),
            ...(token &&
              caller.proved && {
                dpop: proof({ key, url: `https://api.example.com${path}`, token }),
              }),
          },
        })
        const [given] = readCases(
          JSON.stringify([
            {
              request: { url: `https://api.example.com${path}` },
              ...(caller && {
                identity: { scopes: ['data:read'], bound: caller.bound, proof: caller.proved },
              }),
              expect: 'allow',
            },
          ]),
          'cases.yaml',
        )
        if (given === undefined) throw new Error('no case')
        const { says } = judgeCase(loaded, given)
        const status = typeof says === 'string' ? 200 : says.status
        expect([path, caller, status]).toEqual([path, caller, answer.status])
        told.push(status)
      }
    }
    expect(new Set(told)).toEqual(new Set([200, 401, 403]))
    // In shadow a route asks for no more than it would in force.
    const unasked = paths.indexOf('/shadow-unasked') * 5
    expect(told.slice(unasked, unasked + 5)).toEqual([401, 200, 200, 200, 200])
  })

  test('names what a route in shadow would have said', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'policy.yaml'), rules)
    writeFileSync(
      join(folder, 'cases.yaml'),
      '- { request: { path: /shadow-unasked }, identity: {}, expect: allow }\n',
    )
    let text = ''
    const files = [join(folder, 'policy.yaml'), join(folder, 'cases.yaml')]
    const code = await policy(['test', ...files], {}, (more) => {
      text += more
    })
    expect(code).toBe(0)
    expect(text).toContain(
      'ok      GET /shadow-unasked: allow (route shadow-unasked, in shadow: else 403 insufficient_scope)',
    )
  })
})

describe('a table of cases', () => {
  function problemsOf(text: string): readonly string[] {
    try {
      readCases(text, 'cases.yaml')
      return []
    } catch (error) {
      expect(error).toBeInstanceOf(PolicyError)
      return (error as PolicyError).problems.map(({ message }) => message)
    }
  }

  test.each([
    [
      '- { requst: { path: /x }, expect: 401 }',
      [
        'cases.yaml:1:3: [0].request: is missing',
        'cases.yaml:1:5: [0].requst: is not a known key; did you mean request?',
      ],
    ],
    [
      '- { request: { path: /x }, identity: { trst: x }, expect: 401 }',
      ['cases.yaml:1:40: [0].identity.trst: is not a known key; did you mean trust?'],
    ],
    [
      '- { request: { path: /x }, identity: { trust: frist_party }, expect: 401 }',
      [
        'cases.yaml:1:47: [0].identity.trust: "frist_party" is not one of unverified, verified_third_party, first_party; did you mean first_party?',
      ],
    ],
    [
      '- { request: { path: /x }, identity: { scopes: data:read }, expect: 401 }',
      ['cases.yaml:1:48: [0].identity.scopes: must be a list, not a text'],
    ],
    [
      '- { request: { path: /x }, identity: { delegation_depth: -1, audience: 1 }, expect: {} }',
      [
        'cases.yaml:1:58: [0].identity.delegation_depth: must be at least 0',
        'cases.yaml:1:72: [0].identity.audience: must be a text, not 1',
        'cases.yaml:1:85: [0].expect: must be a text, not a mapping',
      ],
    ],
    [
      '- { request: {}, expect: 401 }',
      ['cases.yaml:1:14: [0].request: must say which request: url, or scheme, host and path'],
    ],
    [
      '- { request: { url: /x, host: a }, expect: 401 }',
      ['cases.yaml:1:14: [0].request: must have url, or scheme, host and path, not both'],
    ],
    [
      '- { request: { path: /x, method: GET, preflight: POST }, expect: 401 }',
      ['cases.yaml:1:34: [0].request.method: is no method of a preflight, which is OPTIONS'],
    ],
    ['[]', ['cases.yaml:1:1: must not be empty']],
    ['a: 1', ['cases.yaml:1:1: must be a list, not a mapping']],
  ])('%s', (text, problems) => {
    expect(problemsOf(text)).toEqual(problems)
  })

  test('may name scheme, host and path of a request each, and a preflight is OPTIONS', () => {
    const loaded = parsePolicy(`version: 1
routes:
  - name: tools
    match: { scheme: https, host: api.example.com, path: /tools/**, methods: [POST] }
    allow: preflight
`)
    const says = (request: string): unknown =>
      readCases(`- { request: ${request}, expect: 401 }`, 'cases.yaml').map((given) => {
        const { says: said } = judgeCase(loaded, given)
        return typeof said === 'string' ? said : said.reason
      })[0]
    const place = 'scheme: https, host: api.example.com, path: /tools/x'
    expect(says(`{ method: POST, ${place} }`)).toBe('missing_token')
    expect(says(`{ preflight: POST, ${place} }`)).toBe('preflight')
    expect(says(`{ method: POST, host: api.example.com, path: /tools/x }`)).toBe(
      'request_not_described',
    )
    expect(says('{ method: POST, url: "https://api.example.com/tools/../tools/x" }')).toBe(
      'path_refused',
    )
  })
})
