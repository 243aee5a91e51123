import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PolicyError, parsePolicy, policyFrom, policySchema } from '../../src/policy/document.ts'
import type { PolicyDocument } from '../../src/policy/policy.ts'

/** What is wrong with a text, or nothing. */
function problemsOf(text: string, name?: string): readonly string[] {
  try {
    parsePolicy(text, name)
    return []
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(({ message }) => message)
    throw error
  }
}

/** A policy of one route with these lines, each indented as is needed. */
function routeOf(...lines: string[]): string {
  const [first = '', ...rest] = lines
  return ['version: 1', 'routes:', `  - ${first}`, ...rest.map((line) => `    ${line}`), ''].join(
    '\n',
  )
}

/** One line for each number from 0 on. */
function levels(line: (i: number) => string, count: number): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n')
}

const whole = `
version: 1
routes:
  - match: { path: /healthz }
    allow: anonymous              # identity headers are still stripped
  - name: tools
    match: { host: api.example.com, path: /tools/**, methods: [POST] }
    allow: preflight
    require:
      scopes: { all: [tools:execute], any: [tools:network, tools:vcs] }
      trust: first_party
      identity_types: [agent]
      sub_types: [orchestrator, tool_agent]
      tenants: [acct-1/proj-1]
      delegation: { max_depth: 2, actors: ["spiffe://example.org/acct-1/**"] }
      audience: https://api.example.com
      tools: [search]
      dpop: required
    freshness: { max_staleness: 5s, mode: live, on_unknown: deny }
    shadow: true
  - match: { path: /**, scheme: https, methods: [GET, PUT] }
    require: { scopes: { all: [data:read] } }
`

describe('a policy', () => {
  test('is read with all that it can say', () => {
    const [health, tools, rest] = parsePolicy(whole).routes
    expect(health).toMatchObject({
      name: '#1',
      place: 1,
      position: { line: 4, column: 5 },
      allow: 'anonymous',
      preflight: false,
      dpop: 'if_bound',
      shadow: false,
    })
    expect(Object.values(health?.requirements ?? {}).every((it) => it === undefined)).toBe(true)
    expect(Object.values(health?.freshness ?? {}).every((it) => it === undefined)).toBe(true)
    expect(tools).toMatchObject({
      name: 'tools',
      place: 2,
      allow: 'token',
      preflight: true,
      when: { methods: ['POST'], scheme: undefined, host: { text: 'api.example.com' } },
      requirements: {
        tenants: ['acct-1/proj-1'],
        audiences: ['https://api.example.com'],
        identityTypes: ['agent'],
        subTypes: ['orchestrator', 'tool_agent'],
        maxDepth: 2,
        actors: [{ text: 'spiffe://example.org/acct-1/**' }],
        trust: 'first_party',
        tools: ['search'],
        scopes: { all: ['tools:execute'], any: ['tools:network', 'tools:vcs'] },
      },
      dpop: 'required',
      freshness: { maxStaleness: 5_000, mode: 'live', onUnknown: 'deny' },
      shadow: true,
    })
    expect(rest).toMatchObject({
      name: '#3',
      when: { path: { text: '/**' }, scheme: 'https', methods: ['GET', 'PUT', 'HEAD'] },
      requirements: { scopes: { all: ['data:read'] } },
    })
  })

  test('may have no routes, where it says so', () => {
    expect(parsePolicy('version: 1\nroutes: []').routes).toEqual([])
    expect(problemsOf('version: 1\nroutes:\n')).toEqual([
      'policy.yaml:2:8: routes: must be a list, not empty',
    ])
    expect(problemsOf('version: 1\n')).toEqual(['policy.yaml:1:1: routes: is missing'])
  })

  test('may repeat itself by anchors', () => {
    const text = routeOf('match: { path: /a }', 'require: &r { trust: first_party }')
    const { routes } = parsePolicy(`${text}  - match: { path: /b }\n    require: *r\n`)
    expect(routes[1]?.requirements.trust).toBe('first_party')
    // The last anchor of a name before an alias is meant, wherever an alias between them leads.
    const twice = `version: 1
routes:
  - &x { match: { path: &y /one } }
  - match: { path: &y /two }
  - *x
  - match: { path: *y }
`
    expect(parsePolicy(twice).routes.map(({ when }) => when.path.text)).toEqual([
      '/one',
      '/two',
      '/one',
      '/two',
    ])
  })

  test('is bounded in bytes, routes and lists', () => {
    const comment = `version: 1\nroutes: []\n#${'é'.repeat(524_288)}`
    expect(problemsOf(comment)).toEqual(['policy.yaml: is longer than 1 MiB'])
    expect(problemsOf(comment.slice(0, -20))).toEqual([])
    const routes = Array.from({ length: 10_001 }, () => ({ match: { path: '/' } }))
    expect(policyFrom({ version: 1, routes: routes.slice(1) }).routes).toHaveLength(10_000)
    expect(() => policyFrom({ version: 1, routes })).toThrow(
      'routes: must have at most 10000 entries',
    )
    const tools = Array.from({ length: 257 }, (_, i) => `t${i}`)
    expect(() =>
      policyFrom({ version: 1, routes: [{ match: { path: '/' }, require: { tools } }] }),
    ).toThrow('routes[0].require.tools: must have at most 256 entries')
  })

  test('given as an object is copied', () => {
    const methods = ['GET']
    const document: PolicyDocument = { version: 1, routes: [{ match: { path: '/a', methods } }] }
    const policy = policyFrom(document)
    methods.push('DELETE')
    const target = { scheme: undefined, host: undefined, path: '/a', preflightFor: undefined }
    expect(policy.match({ ...target, method: 'DELETE' }).kind).toBe('none')
    expect(policy.match({ ...target, method: 'GET' })).toMatchObject({
      route: { position: undefined },
    })
  })
})

describe('a policy that cannot be used', () => {
  test('says everything that is wrong at once, where it stands', () => {
    const text = `version: 1
routes:
  - match: { path: /a }
    allow: anonymous
    require: { trust: frist_party, scopse: {} }
  - name: b
    match: { path: /a/../b, methods: [get] }
    require:
      trust: "frist_party"
    freshness: { max_staleness: 2h }
  - name: b
    match: /foo
`
    expect(problemsOf(text, 'gate.yaml')).toEqual([
      'gate.yaml:4:12: routes[0].allow: anonymous lets everybody pass, so nothing can be required as well',
      'gate.yaml:5:23: routes[0].require.trust: "frist_party" is not one of unverified, verified_third_party, first_party; did you mean first_party?',
      'gate.yaml:5:36: routes[0].require.scopse: is not a known key; did you mean scopes?',
      'gate.yaml:7:20: routes[1].match.path: "/a/../b" is not normal: it has a segment of dots or blanks',
      'gate.yaml:7:39: routes[1].match.methods[0]: "get" must be a method in capitals, such as POST or M-SEARCH',
      'gate.yaml:9:14: routes[1].require.trust: "frist_party" is not one of unverified, verified_third_party, first_party; did you mean first_party?',
      'gate.yaml:10:33: routes[1].freshness.max_staleness: "2h" is not a time from 1s to 1h, such as 5s',
      'gate.yaml:11:11: routes[2].name: is the name of routes[1] too',
      'gate.yaml:12:12: routes[2].match: must be a mapping, not a text',
    ])
  })

  test('tells programs the line, the column and the path', () => {
    try {
      parsePolicy(routeOf('match: { path: tools }'))
      expect.unreachable()
    } catch (error) {
      expect((error as PolicyError).problems).toEqual([
        {
          path: 'routes[0].match.path',
          line: 3,
          column: 20,
          message: 'policy.yaml:3:20: routes[0].match.path: "tools" must start with /',
        },
      ])
      expect((error as PolicyError).message).toBe(
        'policy.yaml:3:20: routes[0].match.path: "tools" must start with /',
      )
    }
  })

  test('given as an object says which part is wrong', () => {
    expect(() => policyFrom({ version: 1, routes: [{ match: {} }] })).toThrow(
      /^routes\[0\]\.match\.path: is missing$/,
    )
    expect(() => policyFrom(undefined)).toThrow(PolicyError)
    expect(() => policyFrom(null)).toThrow(/^must be a mapping, not empty$/)
  })

  test.each<[string, string, string]>([
    ['no version', 'routes: []', '1:1: version: is missing'],
    ['another version', 'version: 2\nroutes: []', '1:10: version: must be 1, not 2'],
    ['a version in quotes', 'version: "1"\nroutes: []', '1:10: version: must be 1, not "1"'],
    ['nothing', '', '1:1: must be a mapping, not empty'],
    ['a list', '- a', '1:1: must be a mapping, not a list'],
    ['text', 'hello', '1:1: must be a mapping, not a text'],
    ['a key twice', 'version: 1\nroutes: []\nversion: 1', '3:1: version: stands here twice'],
    [
      'a key twice within',
      routeOf('match: { path: /a, path: /b }'),
      '3:24: routes[0].match.path: stands here twice',
    ],
    [
      'a second document',
      'version: 1\nroutes: []\n---\na: 1',
      '3:1: must be one document, without ---',
    ],
    [
      'a directive',
      '%YAML 1.1\n---\nversion: 1\nroutes: []',
      '1:1: must not have a %YAML directive',
    ],
    ['a tag', 'version: !!int 1\nroutes: []', '1:16: version: must not have tags'],
    ['a tag of its own', 'version: 1\nroutes: !x []', '2:12: routes: must not have tags'],
    ['a tag of nothing', 'version: ! 1\nroutes: []', '1:12: version: must not have tags'],
    [
      'an alias of nothing',
      routeOf('match: { path: /a, host: *.example.com }'),
      '3:30: routes[0].match.host: is an unknown alias: for the text write "*.example.com"',
    ],
    ['an alias of itself', 'version: 1\nroutes: &a [*a]', '2:13: routes[0]: contains itself'],
    [
      'a merge key',
      routeOf('match: { path: /a, <<: {} }'),
      '3:24: routes[0].match."<<": merging is not known: write it out',
    ],
    [
      'no YAML',
      'version: 1\nroutes: [',
      '2:10: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a key that is a list', '? [a]\n: 1', '1:3: with stringKeys, all keys must be strings'],
    [
      'an unknown key',
      'version: 1\nroutes: []\nroute: []',
      '3:1: route: is not a known key; did you mean routes?',
    ],
    [
      'a key like none',
      'version: 1\nroutes: []\nx: 1',
      '3:1: x: is not a known key; known are version, routes',
    ],
    [
      'a dangerous key',
      'version: 1\nroutes: []\n__proto__: {}',
      '3:1: __proto__: is not a known key; known are version, routes',
    ],
    ['no match', routeOf('name: a'), '3:5: routes[0].match: is missing'],
    [
      'a route of nothing',
      'version: 1\nroutes: [null]',
      '2:10: routes[0]: must be a mapping, not empty',
    ],
    [
      'no methods',
      routeOf('match: { path: /, methods: [] }'),
      '3:32: routes[0].match.methods: must not be empty',
    ],
    [
      'a star for a method',
      routeOf("match: { path: /, methods: ['*'] }"),
      '3:33: routes[0].match.methods[0]: "*" is no method: leave methods out for every method',
    ],
    ...['M SEARCH', 'M-search', 'PUT,POST', 'GET*', 'ÄNDERN', '(X)'].map(
      (method): [string, string, string] => [
        `a method ${method}`,
        routeOf(`match: { path: /, methods: ['${method}'] }`),
        `3:33: routes[0].match.methods[0]: "${method}" must be a method in capitals, such as POST or M-SEARCH`,
      ],
    ),
    [
      'a method that is true',
      routeOf('match: { path: /, methods: [true] }'),
      '3:33: routes[0].match.methods[0]: must be a text, not true',
    ],
    [
      'another scheme',
      routeOf('match: { path: /, scheme: ftp }'),
      '3:31: routes[0].match.scheme: "ftp" is not one of http, https',
    ],
    [
      'another way to allow',
      routeOf('match: { path: / }', 'allow: everybody'),
      '4:12: routes[0].allow: "everybody" is not one of anonymous, preflight',
    ],
    [
      'anonymous and an empty require',
      routeOf('match: { path: / }', 'allow: anonymous', 'require: {}'),
      '4:12: routes[0].allow: anonymous lets everybody pass, so nothing can be required as well',
    ],
    [
      'scopes of nothing',
      routeOf('match: { path: / }', 'require: { scopes: {} }'),
      '4:24: routes[0].require.scopes: must say at least one of all, any',
    ],
    [
      'a scope with a blank',
      routeOf('match: { path: / }', 'require: { scopes: { all: ["a b"] } }'),
      '4:32: routes[0].require.scopes.all[0]: "a b" must be one scope, without blanks or quotes',
    ],
    [
      'a scope with a quote',
      routeOf('match: { path: / }', "require: { scopes: { all: ['a\"'] } }"),
      '4:32: routes[0].require.scopes.all[0]: "a\\"" must be one scope, without blanks or quotes',
    ],
    [
      'a scope alone',
      routeOf('match: { path: / }', 'require: { scopes: a }'),
      '4:24: routes[0].require.scopes: must be a mapping, not a text',
    ],
    [
      'a tenant without project',
      routeOf('match: { path: / }', 'require: { tenants: [a] }'),
      '4:26: routes[0].require.tenants[0]: "a" must be account/project',
    ],
    [
      'a tenant of three',
      routeOf('match: { path: / }', 'require: { tenants: [a/b/c] }'),
      '4:26: routes[0].require.tenants[0]: "a/b/c" must be account/project',
    ],
    [
      'an audience that is a number',
      routeOf('match: { path: / }', 'require: { audience: 7 }'),
      '4:26: routes[0].require.audience: must be a text, not 7',
    ],
    [
      'a list of audiences with one',
      routeOf('match: { path: / }', 'require: { audience: [a, 7] }'),
      '4:30: routes[0].require.audience[1]: must be a text, not 7',
    ],
    [
      'no audience in a list',
      routeOf('match: { path: / }', 'require: { audience: [] }'),
      '4:26: routes[0].require.audience: must not be empty',
    ],
    [
      'a delegation of nothing',
      routeOf('match: { path: / }', 'require: { delegation: {} }'),
      '4:28: routes[0].require.delegation: must say at least one of max_depth, actors',
    ],
    [
      'a depth below 0',
      routeOf('match: { path: / }', 'require: { delegation: { max_depth: -1 } }'),
      '4:41: routes[0].require.delegation.max_depth: must be at least 0',
    ],
    [
      'half a depth',
      routeOf('match: { path: / }', 'require: { delegation: { max_depth: 1.5 } }'),
      '4:41: routes[0].require.delegation.max_depth: must be a whole number, not 1.5',
    ],
    [
      'an actor that is not normal',
      routeOf('match: { path: / }', 'require: { delegation: { actors: [a//b] } }'),
      '4:39: routes[0].require.delegation.actors[0]: "a//b" is not normal: it has an empty or a dot segment',
    ],
    [
      'another word for proofs',
      routeOf('match: { path: / }', 'require: { dpop: yes }'),
      '4:22: routes[0].require.dpop: "yes" is not one of required, if_bound, off',
    ],
    [
      'too fresh',
      routeOf('match: { path: / }', 'freshness: { max_staleness: 999ms }'),
      '4:33: routes[0].freshness.max_staleness: "999ms" is not a time from 1s to 1h, such as 5s',
    ],
    [
      'too stale',
      routeOf('match: { path: / }', 'freshness: { max_staleness: 61m }'),
      '4:33: routes[0].freshness.max_staleness: "61m" is not a time from 1s to 1h, such as 5s',
    ],
    [
      'a time without unit',
      routeOf('match: { path: / }', 'freshness: { max_staleness: 5 }'),
      '4:33: routes[0].freshness.max_staleness: must be a text, not 5',
    ],
    [
      'freshness of nothing',
      routeOf('match: { path: / }', 'freshness: {}'),
      '4:16: routes[0].freshness: must say at least one of max_staleness, mode, on_unknown',
    ],
    [
      'a shadow in words',
      routeOf('match: { path: / }', 'shadow: yes'),
      '4:13: routes[0].shadow: must be true or false, not a text',
    ],
    [
      'a name like a place',
      routeOf('match: { path: / }', 'name: "#1"'),
      '4:11: routes[0].name: "#1" must be a short name of letters and digits',
    ],
    [
      'a name of two lines',
      routeOf('match: { path: / }', 'name: "a\\nb"'),
      '4:11: routes[0].name: "a\\nb" must be a short name of letters and digits',
    ],
    [
      'a text that never ends',
      routeOf(`match: { path: /${'a'.repeat(2_000)} }`),
      '3:20: routes[0].match.path: is longer than 1024 characters',
    ],
  ])('by %s is refused', (_, text, problem) => {
    expect(problemsOf(text)[0]).toBe(`policy.yaml:${problem}`)
  })

  test('of a thousand problems tells the first hundred', () => {
    const text = `version: 1\nroutes:\n${'  - match: { path: a }\n'.repeat(1_000)}`
    expect(problemsOf(text)).toHaveLength(100)
  })

  test('shows at most sixty characters of a text in it', () => {
    const [problem] = problemsOf(routeOf(`match: { path: ${'a'.repeat(1_000)} }`))
    expect(problem?.length).toBeLessThan(150)
  })

  // The library follows each level by calling itself, which has taken whole processes down.
  test.each([
    ['brackets', '['.repeat(500_000), '1:65'],
    ['braces', '{'.repeat(500_000), '1:65'],
    ['lists', '- '.repeat(500_000), '1:128'],
    ['keys', '? '.repeat(500_000), '1:128'],
    ['indented keys', levels((i) => `${' '.repeat(i)}a:`, 1_000), '64:65'],
  ])('by endless %s is refused before it is taken apart', (_, text, position) => {
    expect(problemsOf(text)).toEqual([`policy.yaml:${position}: is nested too deeply`])
  })

  test('by aliases of aliases is refused where they lie too deep', () => {
    const chain = levels((i) => `a${i}: &a${i} [${i > 0 ? `*a${i - 1}` : ''}]`, 40)
    expect(problemsOf(chain)[0]).toBe('policy.yaml:2:10: is nested too deeply')
  })

  test('by aliases that double is refused where they stand for too much', () => {
    const doubling = levels((i) => `a${i}: &a${i} ${i > 0 ? `[*a${i - 1}, *a${i - 1}]` : 'x'}`, 25)
    expect(problemsOf(doubling)).toEqual(['policy.yaml:2:10: has too many values'])
  })

  test.each([
    ['anchors', '&a '.repeat(10_000)],
    ['tags', '!a '.repeat(10_000)],
    ['many keys', levels((i) => `k${i}: 1`, 20_000)],
    ['documents', '---\n'.repeat(10_000)],
  ])('by endless %s is refused soon', (_, text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0)
  })
})

describe('whatever is given as a policy', () => {
  const words = [
    ...' \n\t:-[]{},#&*!|>\'"%@`?\\~=',
    '  ',
    '\n  - ',
    ': ',
    'version: 1',
    'routes:',
    'match:',
    '{ path: /a/** }',
    'path: ',
    '/a',
    'require:',
    'scopes: { all: [x] }',
    '&a',
    '*a',
    '!!str ',
    '<<: ',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\u0000',
    '\ufeff',
    '\ud800',
    '\u2028',
    '__proto__: ',
    'null',
    'true',
    '1e400',
    '.nan',
    '0x1f',
  ]

  test.each<[string, fc.Arbitrary<string>]>([
    ['text', fc.string({ unit: 'binary', maxLength: 200 })],
    [
      'words of YAML',
      fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((it) => it.join('')),
    ],
    [
      'a policy with something else in it',
      fc
        .tuple(fc.nat(whole.length), fc.nat(12), fc.constantFrom(...words))
        .map(([at, gone, word]) => whole.slice(0, at) + word + whole.slice(at + gone)),
    ],
  ])('as %s is a policy, or a PolicyError that says why', (_, texts) => {
    let refused = 0
    const property = fc.property(texts, (text) => {
      const problems = problemsOf(text)
      if (problems.length > 0) refused += 1
      for (const problem of problems) {
        expect(problem).toMatch(/^policy\.yaml:\d+:\d+: .*\S$/)
        expect(problem).not.toMatch(/\p{C}/u)
      }
    })
    fc.assert(property, { numRuns: 500 })
    expect(refused).toBeGreaterThan(50)
  })

  test('as an object is a policy, or a PolicyError that says why', () => {
    const keys = fc.constantFrom(
      'version',
      'routes',
      'match',
      'path',
      'require',
      'scopes',
      '__proto__',
    )
    const values = fc.anything({
      key: keys,
      values: [fc.constantFrom(1, '/a', 'first_party', null)],
    })
    const property = fc.property(values, values, (value, route) => {
      for (const given of [value, { version: 1, routes: [route] }, { version: 1, routes: value }]) {
        try {
          policyFrom(given)
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyError)
          expect((error as PolicyError).problems).not.toHaveLength(0)
        }
      }
    })
    fc.assert(property, { numRuns: 800 })
  })
})

describe('the schema for editors', () => {
  test('is JSON Schema that knows every key and says what it is for', () => {
    const schema = policySchema() as Schema
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    const bare: string[] = []
    const names: string[] = []
    visit(schema, '', (name, part) => {
      names.push(name)
      if (part.description === undefined) bare.push(name)
    })
    expect(bare).toEqual([])
    expect(names).toContain('.routes.match.host')
    expect(names).toContain('.routes.require.delegation.actors')
    expect(schema.additionalProperties).toBe(false)
    expect(schema.required).toEqual(['version', 'routes'])
  })

  test('takes the methods that a policy takes', () => {
    let items: Schema | undefined
    visit(policySchema() as Schema, '', (name, part) => {
      if (name === '.routes.match.methods') items = part.items
    })
    // Editors read patterns as JSON Schema wants them, with the flag u.
    const pattern = new RegExp(String(items?.pattern), 'u')
    for (const method of ['GET', 'M-SEARCH', 'VERSION-CONTROL', 'X_2.Y', 'get', '*', 'A B', 'Ä']) {
      const route = { match: { path: '/', methods: [method] } }
      expect(pattern.test(method), method).toBe(usable(route))
    }
    expect(usable({ match: { path: '/', methods: ['VERSION-CONTROL', 'M-SEARCH'] } })).toBe(true)
  })

  test('knows the same keys as the type of the document', () => {
    // Read as text, since types are gone at run time.
    const source = readFileSync(new URL('../../src/policy/policy.ts', import.meta.url), 'utf8')
    const document = source.slice(source.indexOf('interface PolicyDocument'))
    const typed = new Set([...document.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name))
    const known = new Set<string>()
    visit(policySchema() as Schema, '', (name) => known.add(name.slice(name.lastIndexOf('.') + 1)))
    expect([...known].sort()).toEqual([...typed].sort())
  })
})

function usable(route: unknown): boolean {
  try {
    policyFrom({ version: 1, routes: [route] })
    return true
  } catch {
    return false
  }
}

interface Schema {
  readonly [key: string]: unknown
  readonly properties?: Record<string, Schema>
  readonly items?: Schema
}

function visit(schema: Schema, path: string, see: (name: string, part: Schema) => void): void {
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    see(`${path}.${name}`, part)
    visit(part, `${path}.${name}`, see)
  }
  if (schema.items) visit(schema.items, path, see)
}
