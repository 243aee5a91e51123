import type { PolicyDocument } from '../../src/policy/policy.ts'

export type PolicyName = keyof typeof policies

/** What nobody of the table was granted. */
const admin = { scopes: { all: ['admin:all'] } }
const read = { scopes: { all: ['data:read'] } }

/** The policies of the table. */
export const policies = {
  empty: { version: 1, routes: [] },

  /** A lax part, a strict part, and the rest: what a path must not be able to slip between. */
  guarded: {
    version: 1,
    routes: [
      { name: 'public', match: { path: '/public/**' }, allow: 'anonymous' },
      { name: 'status', match: { path: '/status' }, allow: 'anonymous' },
      { name: 'admin', match: { path: '/admin/**' }, require: admin },
      { name: 'letter', match: { path: '/admin:reset' }, require: admin },
      { name: 'reports', match: { path: '/reports/*.json' } },
      { name: 'report', match: { path: '/reports/*' }, require: admin },
      { name: 'menu', match: { path: '/café/menu' }, require: admin },
      { name: 'papers', match: { path: '/my papers/*' }, require: admin },
      { name: 'rest', match: { path: '/**' }, require: read },
    ],
  },

  /** Every kind of path pattern; what none of them matches is denied. */
  paths: {
    version: 1,
    routes: [
      { name: 'root', match: { path: '/' } },
      { name: 'exact', match: { path: '/exact' } },
      { name: 'slashed', match: { path: '/slashed/' } },
      { name: 'user', match: { path: '/users/*' } },
      { name: 'orders', match: { path: '/users/*/orders/*' } },
      { name: 'json', match: { path: '/files/*.json' } },
      { name: 'version', match: { path: '/v*/status' } },
      { name: 'middle', match: { path: '/a*b*c' } },
      { name: 'tools', match: { path: '/tools/**' } },
      { name: 'deep', match: { path: '/x/*/y/**' } },
      { name: 'Capital', match: { path: '/Capital/Case' } },
    ],
  },

  methods: {
    version: 1,
    routes: [
      { name: 'get', match: { path: '/things/*', methods: ['GET'] } },
      { name: 'change', match: { path: '/things/*', methods: ['PUT', 'PATCH'] }, require: admin },
      { name: 'head', match: { path: '/heads', methods: ['HEAD'] } },
      { name: 'any', match: { path: '/any' } },
      { name: 'rest', match: { path: '/things/**' }, allow: 'anonymous' },
    ],
  },

  hosts: {
    version: 1,
    routes: [
      { name: 'api', match: { path: '/**', host: 'api.example.com' } },
      { name: 'sub', match: { path: '/**', host: '*.example.org' } },
      { name: 'port', match: { path: '/**', host: 'ports.example.com:8443' } },
      { name: 'default', match: { path: '/**', host: 'default.example.com:443' } },
      { name: 'six', match: { path: '/**', host: '[2001:db8::1]' } },
      { name: 'plain', match: { path: '/plain/**', scheme: 'http' }, allow: 'anonymous' },
      { name: 'secure', match: { path: '/secure/**', scheme: 'https' } },
    ],
  },

  /** What nobody told must not lead to a laxer route. */
  untold: {
    version: 1,
    routes: [
      { name: 'post', match: { path: '/a/**', methods: ['POST'] }, require: admin },
      { name: 'host', match: { path: '/b/**', host: 'b.example.com' }, require: admin },
      { name: 'scheme', match: { path: '/c/**', scheme: 'https' }, require: admin },
      { name: 'rest', match: { path: '/**' }, allow: 'anonymous' },
    ],
  },

  /** Nothing here needs any part of the request. */
  anything: { version: 1, routes: [{ name: 'all', match: { path: '/**' } }] },

  preflights: {
    version: 1,
    routes: [
      { name: 'put', match: { path: '/cors/*', methods: ['PUT'] }, allow: 'preflight' },
      { name: 'get', match: { path: '/cors/*', methods: ['GET'] }, allow: 'preflight' },
      { name: 'options', match: { path: '/cors/*', methods: ['OPTIONS'] } },
      { name: 'closed', match: { path: '/closed/*', methods: ['POST'] } },
      { name: 'whole', match: { path: '/whole/*' }, allow: 'preflight', require: admin },
      { name: 'strict', match: { path: '/strict/*' } },
    ],
  },

  requirements: {
    version: 1,
    routes: [
      { name: 'token', match: { path: '/token' } },
      {
        name: 'all',
        match: { path: '/all' },
        require: { scopes: { all: ['data:read', 'data:write'] } },
      },
      {
        name: 'one',
        match: { path: '/one' },
        require: { scopes: { any: ['data:write', 'tools:network'] } },
      },
      {
        name: 'both',
        match: { path: '/both' },
        require: { scopes: { all: ['data:read'], any: ['data:write', 'tools:execute'] } },
      },
      { name: 'first', match: { path: '/first' }, require: { trust: 'first_party' } },
      { name: 'third', match: { path: '/third' }, require: { trust: 'verified_third_party' } },
      { name: 'least', match: { path: '/least' }, require: { trust: 'unverified' } },
      { name: 'agents', match: { path: '/agents' }, require: { identity_types: ['agent'] } },
      {
        name: 'kinds',
        match: { path: '/kinds' },
        require: { identity_types: ['mcp_server', 'service'] },
      },
      { name: 'leaders', match: { path: '/leaders' }, require: { sub_types: ['orchestrator'] } },
      { name: 'home', match: { path: '/home' }, require: { tenants: ['acct-1/proj-1'] } },
      {
        name: 'homes',
        match: { path: '/homes' },
        require: { tenants: ['acct-1/proj-1', 'acct-2/proj-9'] },
      },
      {
        name: 'audience',
        match: { path: '/audience' },
        require: { audience: 'https://api.example.com' },
      },
      {
        name: 'audiences',
        match: { path: '/audiences' },
        require: { audience: ['https://api.example.com', 'https://third.example.com'] },
      },
      { name: 'alone', match: { path: '/alone' }, require: { delegation: { max_depth: 0 } } },
      { name: 'near', match: { path: '/near' }, require: { delegation: { max_depth: 2 } } },
      {
        name: 'actors',
        match: { path: '/actors' },
        require: { delegation: { actors: ['spiffe://*/acct-1/proj-1/**'] } },
      },
      {
        name: 'nobody',
        match: { path: '/nobody' },
        require: { delegation: { actors: ['spiffe://example.org/**'] } },
      },
      { name: 'search', match: { path: '/search' }, require: { tools: ['search'] } },
      { name: 'toolbox', match: { path: '/toolbox' }, require: { tools: ['search', 'delete'] } },
      { name: 'proof', match: { path: '/proof' }, require: { dpop: 'required' } },
      { name: 'noProof', match: { path: '/no-proof' }, require: { dpop: 'off' } },
      {
        name: 'order',
        match: { path: '/order' },
        require: {
          scopes: { all: ['admin:all'] },
          trust: 'first_party',
          tenants: ['acct-1/proj-1'],
        },
      },
      { name: 'shadow', match: { path: '/shadow' }, require: admin, shadow: true },
    ],
  },

  /** A stricter rule later changes nothing: the first that matches decides. */
  order: {
    version: 1,
    routes: [
      { name: 'first', match: { path: '/a/b/**' } },
      { name: 'second', match: { path: '/a/**' }, require: admin },
      { name: 'third', match: { path: '/a/b/c' }, allow: 'anonymous' },
      { name: 'fourth', match: { path: '/*/b/d' }, allow: 'anonymous' },
      { name: 'fifth', match: { path: '/z/b/d' }, require: admin },
    ],
  },
} as const satisfies Record<string, PolicyDocument>
