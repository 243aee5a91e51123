import type { CallerName } from './callers.ts'
import type { PolicyName } from './policies.ts'

/** One request, who sends it under which policy, and what must become of it. Pure data. */
export interface Row {
  readonly name: string
  readonly policy: PolicyName
  readonly request: RowRequest
  readonly caller: CallerName
  readonly expected: Expected
  /**
   * Why no client can send this over HTTP/1.1 to a usual server: a part is untold, or the parser
   * refuses it before anybody judges it. Such rows are for the policy alone.
   */
  readonly modelOnly?: string
}

/** What is undefined is untold. */
export interface RowRequest {
  readonly method: string | undefined
  readonly scheme: 'http' | 'https' | undefined
  readonly host: string | undefined
  /** Raw, with the query where there is one. */
  readonly path: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

export interface Expected {
  readonly status: 200 | 401 | 403
  /** The code on the wire; undefined for 200. */
  readonly error?: string
  /** The reason in logs and metrics. */
  readonly reason?: string
  /** The route that decided; undefined where none did. */
  readonly route?: string
  /** `insufficient_scope`: what the challenge names. */
  readonly scopes?: readonly string[]
}

interface Given {
  readonly method?: string | undefined
  readonly scheme?: 'http' | 'https' | undefined
  readonly host?: string | undefined
  readonly path?: string | undefined
  readonly headers?: Record<string, string>
  readonly caller?: CallerName
  readonly modelOnly?: string
}

const usual = { method: 'GET', scheme: 'https', host: 'api.example.com', path: '/' } as const

function row(policy: PolicyName, name: string, given: Given, expected: Expected): Row {
  const { caller = 'reader', modelOnly, headers = {}, ...parts } = given
  return {
    name: `${policy}: ${name}`,
    policy,
    request: { ...usual, ...parts, headers },
    caller,
    expected,
    ...(modelOnly === undefined ? {} : { modelOnly }),
  }
}

const passes = (route: string): Expected => ({ status: 200, route })
const lacks = (route: string, ...scopes: string[]): Expected => ({
  status: 403,
  error: 'insufficient_scope',
  reason: 'insufficient_scope',
  route,
  scopes,
})
const refused = (reason: string, route?: string): Expected => ({
  status: 403,
  error: reason,
  reason,
  ...(route === undefined ? {} : { route }),
})
const denied = (reason: string): Expected => ({ status: 403, error: 'access_denied', reason })
const pathRefused = denied('path_refused')
const noRoute = denied('no_route')
const notDescribed = denied('request_not_described')
/** Of a host or a method that the client wrote: no fault of the proxy. */
const unreadable = pathRefused
const needsToken = (route: string): Expected => ({
  status: 401,
  error: 'missing_token',
  reason: 'missing_token',
  route,
})

const unsendable = 'an HTTP parser refuses these bytes in a request line'
const untold = 'a part of the request is untold'

/** Paths that must reach the strict route, or none: never the rest, never the public part. */
const guardedPaths: readonly (readonly [name: string, path: string, Expected, string?])[] = [
  ['as it is', '/admin/users', lacks('admin', 'admin:all')],
  ['the prefix alone', '/admin', lacks('admin', 'admin:all')],
  ['the prefix with a slash', '/admin/', lacks('admin', 'admin:all')],
  ['far below', '/admin/a/b/c/d/e', lacks('admin', 'admin:all')],
  ['with a query', '/admin/users?next=/public/', lacks('admin', 'admin:all')],
  ['a query with dot segments', '/admin?/../public/x', lacks('admin', 'admin:all')],
  ['a query that looks like a path', '/admin/users?/public/%2e%2e/', lacks('admin', 'admin:all')],
  ['an escaped letter below', '/admin/%75sers', lacks('admin', 'admin:all')],
  ['a blank below', '/admin/all%20users', lacks('admin', 'admin:all')],
  ['letters outside ASCII below', '/admin/%C3%A9t%C3%A9', lacks('admin', 'admin:all')],
  ['capitals below', '/admin/USERS', lacks('admin', 'admin:all')],
  ['in capitals', '/ADMIN/users', pathRefused],
  ['with one capital', '/aDmin/users', pathRefused],
  ['the last letter a capital', '/admiN', pathRefused],
  ['an escaped letter', '/%61dmin/users', pathRefused],
  ['an escaped capital', '/%41dmin/users', pathRefused],
  ['all letters escaped', '/%61%64%6d%69%6e/users', pathRefused],
  ['an escape in capitals', '/adm%69n/users', pathRefused],
  ['an empty segment first', '//admin/users', pathRefused],
  ['an empty segment behind', '/admin//users', pathRefused],
  ['three slashes', '///admin/users', pathRefused],
  ['a host in the path', '//api.example.com/admin', pathRefused],
  ['a dot segment first', '/./admin/users', pathRefused],
  ['a dot segment behind', '/admin/./users', pathRefused],
  ['a dot segment last', '/admin/.', pathRefused],
  ['up from the public part', '/public/../admin/users', pathRefused],
  ['up at the end', '/public/x/..', pathRefused],
  ['up from the root', '/../admin', pathRefused],
  ['up with an escaped dot', '/public/.%2e/admin/users', pathRefused],
  ['up with the first dot escaped', '/public/%2e./admin/users', pathRefused],
  ['up with both dots escaped', '/public/%2e%2e/admin/users', pathRefused],
  ['up with capital escapes', '/public/%2E%2E/admin/users', pathRefused],
  ['a dot segment escaped', '/%2e/admin/users', pathRefused],
  ['three dots', '/public/.../admin', pathRefused],
  ['dots and a blank', '/public/..%20/admin', pathRefused],
  ['a blank alone', '/public/%20/admin', pathRefused],
  ['up with an escaped slash', '/public/..%2fadmin/users', pathRefused],
  ['up with all escaped', '/public/%2e%2e%2fadmin/users', pathRefused],
  ['an escaped slash', '/admin%2fusers', pathRefused],
  ['an escaped slash in capitals', '/admin%2Fusers', pathRefused],
  ['an escaped slash below', '/public/a%2fb', pathRefused],
  ['an escaped slash first', '/%2fadmin/users', pathRefused],
  ['an escaped percent sign', '/%2561dmin/users', pathRefused],
  ['an escape of an escaped slash', '/public/..%252fadmin', pathRefused],
  ['an escape of escaped dots', '/public/%252e%252e/admin', pathRefused],
  ['an escaped percent sign alone', '/public/100%25', pathRefused],
  ['a backslash', '/public\\..\\admin', pathRefused, unsendable],
  ['an escaped backslash', '/public/..%5cadmin', pathRefused],
  ['an escaped backslash in capitals', '/public/..%5Cadmin', pathRefused],
  ['an escaped backslash first', '/%5cadmin', pathRefused],
  ['a path parameter', '/admin;x=1/users', pathRefused],
  ['a path parameter at the end', '/admin/users;jsessionid=1', pathRefused],
  ['a path parameter on dots', '/public/..;/admin', pathRefused],
  ['a path parameter on one dot', '/.;/admin', pathRefused],
  ['an empty path parameter', '/admin;/users', pathRefused],
  ['an escaped semicolon', '/admin%3bx/users', pathRefused],
  ['an escaped semicolon in capitals', '/admin%3Bx', pathRefused],
  ['a fragment', '/public#/../admin', pathRefused, unsendable],
  ['an escaped number sign', '/admin%23/x', pathRefused],
  ['an escaped question mark', '/admin%3f/users', pathRefused],
  ['an escaped question mark in capitals', '/public/x%3Fy', pathRefused],
  ['a NUL', '/admin%00/users', pathRefused],
  ['a NUL at the end', '/public/x%00.json', pathRefused],
  ['a line feed', '/admin%0a', pathRefused],
  ['CR and LF', '/public%0d%0aX-Admin:%201', pathRefused],
  ['a tab', '/admin%09/users', pathRefused],
  ['an escape character', '/public/%1b', pathRefused],
  ['a delete character', '/admin%7f', pathRefused],
  ['a raw control character', '/admin\u0001', pathRefused, unsendable],
  ['a raw tab', '/admin\t', pathRefused, unsendable],
  ['a raw NUL', '/admin\0', pathRefused, unsendable],
  ['a control character past ASCII', '/public/%C2%85', pathRefused],
  ['a raw blank', '/public/a b', pathRefused, unsendable],
  ['a raw byte past ASCII', '/public/\u00e9', pathRefused, unsendable],
  ['a raw letter past Latin-1', '/public/\u0101', pathRefused, unsendable],
  ['quotes', '/public/"x"', pathRefused, unsendable],
  ['angle brackets', '/public/<x>', pathRefused, unsendable],
  ['braces', '/public/{x}', pathRefused, unsendable],
  ['a bar', '/public/a|b', pathRefused, unsendable],
  ['a caret', '/public/a^b', pathRefused, unsendable],
  ['a backtick', '/public/a`b', pathRefused, unsendable],
  ['square brackets', '/public/[x]', pathRefused, unsendable],
  ['a percent sign alone', '/admin%', pathRefused],
  ['half an escape', '/admin%6/users', pathRefused],
  ['an escape of no digits', '/%zzadmin', pathRefused],
  ['an escape of IIS', '/%u0061dmin', pathRefused],
  ['an overlong slash', '/public/..%c0%afadmin', pathRefused],
  ['an overlong dot', '/public/%c0%ae%c0%ae/admin', pathRefused],
  ['an overlong slash of three bytes', '/public/..%e0%80%afadmin', pathRefused],
  ['a byte that begins nothing', '/admin%ff', pathRefused],
  ['a sequence cut short', '/admin%c3', pathRefused],
  ['a continuation alone', '/admin%80', pathRefused],
  ['a surrogate', '/admin%ed%a0%80', pathRefused],
  ['past the last character', '/admin%f4%90%80%80', pathRefused],
  ['a full-width slash', '/public%EF%BC%8Fadmin', pathRefused],
  ['full-width dots', '/public/%EF%BC%8E%EF%BC%8E/admin', pathRefused],
  ['two dots in one character', '/public/%E2%80%A5/admin', pathRefused],
  ['a full-width percent sign', '/public/%EF%BC%85x', pathRefused],
  ['a full-width letter', '/%EF%BD%81dmin/users', pathRefused],
  ['a long s', '/statu%C5%BF', pathRefused],
  ['a soft hyphen', '/ad%C2%ADmin/users', pathRefused],
  ['a joiner that nobody sees', '/admin%E2%80%8B/users', pathRefused],
  ['a dot at the end of the segment', '/admin./users', pathRefused],
  ['dots at the end', '/admin..', pathRefused],
  ['a blank at the end of the segment', '/admin%20/users', pathRefused],
  ['a blank at the end', '/admin%20', pathRefused],
  ['a dot before the slash at the end', '/status./', pathRefused],
  ['a slash at the end', '/status/', pathRefused],
  ['an absolute form', 'http://api.example.com/admin', pathRefused],
  ['an asterisk', '*', pathRefused],
  ['no slash first', 'admin/users', pathRefused],
  ['nothing', '', pathRefused, unsendable],
  ['a query alone', '?/public/x', pathRefused, unsendable],
  ['longer than 8 KiB', `/public/${'a'.repeat(8_200)}`, pathRefused],
  ['longer than 8 KiB by escapes', `/public/${'%C3%A9'.repeat(1_400)}`, pathRefused],
  ['nearly 8 KiB', `/public/${'a'.repeat(8_000)}`, passes('public')],
  ['a name that only begins alike', '/adminx/users', passes('rest')],
  ['a name that only ends alike', '/xadmin/users', passes('rest')],
  ['a verb behind a colon', '/admin:reset', lacks('letter', 'admin:all')],
  ['a verb behind an escaped colon', '/admin%3Areset', pathRefused],
  ['a verb behind an escaped colon, small', '/admin%3areset', pathRefused],
  ['a mail address', '/people/a%40example.com', passes('rest')],
  ['a mail address unescaped', '/people/a@example.com', passes('rest')],
  ['all that may stand in a segment', "/x/-._~!$&'()*+,=:@", passes('rest')],
  ['dots within names', '/x/a.b..c', passes('rest')],
  ['a hidden file', '/x/.well-known', passes('rest')],
  ['the root', '/', passes('rest')],
  ['the letter é', '/caf%C3%A9/menu', lacks('menu', 'admin:all')],
  ['the letter é in small digits', '/caf%c3%a9/menu', lacks('menu', 'admin:all')],
  ['the letter é in two characters', '/cafe%CC%81/menu', pathRefused],
  ['the letter É', '/caf%C3%89/menu', pathRefused],
  ['a blank that must be escaped', '/my%20papers/x', lacks('papers', 'admin:all')],
  ['a plus sign is no blank', '/my+papers/x', passes('rest')],
  ['an ending', '/reports/may.json', passes('reports')],
  ['an ending in capitals', '/reports/may.JSON', pathRefused],
  ['an ending with a dot behind', '/reports/may.json.', pathRefused],
  ['an ending with an escaped dot', '/reports/may%2ejson', pathRefused],
  ['another ending', '/reports/may.txt', lacks('report', 'admin:all')],
  ['an ending and a slash', '/reports/may.json/', pathRefused],
]

/** Which route of `paths` a path comes to; undefined: none. */
const plainPaths: readonly (readonly [path: string, Expected])[] = [
  ['/', passes('root')],
  ['/exact', passes('exact')],
  ['/exact/', pathRefused],
  ['/exact/more', noRoute],
  ['/exac', noRoute],
  ['/slashed/', passes('slashed')],
  ['/slashed', pathRefused],
  ['/users/7', passes('user')],
  ['/users/ABC', passes('user')],
  ['/users/a%20b', passes('user')],
  ['/users/%2A', passes('user')],
  ['/users', noRoute],
  ['/users/', noRoute],
  ['/users/7/', pathRefused],
  ['/users/7/orders', noRoute],
  ['/users/7/orders/9', passes('orders')],
  ['/users/7/orders/9/lines', noRoute],
  ['/files/a.json', passes('json')],
  ['/files/.json', passes('json')],
  ['/files/a.json.txt', noRoute],
  ['/files/json', noRoute],
  ['/files/a/b.json', noRoute],
  ['/v1/status', passes('version')],
  ['/v/status', passes('version')],
  ['/w1/status', noRoute],
  ['/abc', passes('middle')],
  ['/a-b-b-c', passes('middle')],
  ['/ab', noRoute],
  ['/acb', noRoute],
  ['/tools', passes('tools')],
  ['/tools/', passes('tools')],
  ['/tools/a/b/c', passes('tools')],
  ['/toolsmith', noRoute],
  ['/Tools', pathRefused],
  ['/x/1/y', passes('deep')],
  ['/x/1/y/z/z', passes('deep')],
  ['/x//y', pathRefused],
  ['/x/1/z', noRoute],
  ['/Capital/Case', passes('Capital')],
  ['/capital/case', pathRefused],
  ['/CAPITAL/Case', pathRefused],
]

const preflight = (method: string): Record<string, string> => ({
  Origin: 'https://app.example.org',
  'Access-Control-Request-Method': method,
})

const parts: readonly Row[] = [
  row('empty', 'denies everything', { path: '/x' }, noRoute),
  row('empty', 'denies everybody', { path: '/x', caller: 'nobody' }, noRoute),
  row('anything', 'asks for any token', { path: '/x' }, passes('all')),
  row('anything', 'asks for a token', { path: '/x', caller: 'nobody' }, needsToken('all')),
  row('anything', 'needs no path', { path: undefined, modelOnly: untold }, passes('all')),
  row('anything', 'refuses a path that is read in two ways', { path: '/x//y' }, pathRefused),

  row(
    'guarded',
    'lets anybody into the public part',
    { path: '/public/x', caller: 'nobody' },
    passes('public'),
  ),
  row(
    'guarded',
    'lets anybody see the status',
    { path: '/status', caller: 'nobody' },
    passes('status'),
  ),
  row(
    'guarded',
    'asks for a token elsewhere',
    { path: '/admin', caller: 'nobody' },
    needsToken('admin'),
  ),

  row('methods', 'GET', { path: '/things/1' }, passes('get')),
  row('methods', 'HEAD goes with GET', { method: 'HEAD', path: '/things/1' }, passes('get')),
  row('methods', 'PUT', { method: 'PUT', path: '/things/1' }, lacks('change', 'admin:all')),
  row('methods', 'PATCH', { method: 'PATCH', path: '/things/1' }, lacks('change', 'admin:all')),
  row('methods', 'DELETE', { method: 'DELETE', path: '/things/1' }, passes('rest')),
  row(
    'methods',
    'a method in small letters',
    { method: 'put', path: '/things/1', modelOnly: unsendable },
    unreadable,
  ),
  row(
    'methods',
    'a method with a capital',
    { method: 'Get', path: '/things/1', modelOnly: unsendable },
    unreadable,
  ),
  row(
    'methods',
    'a method that is none',
    { method: 'PUT x', path: '/things/1', modelOnly: unsendable },
    unreadable,
  ),
  row(
    'methods',
    'a method with a hyphen',
    { method: 'M-SEARCH', path: '/things/1' },
    passes('rest'),
  ),
  row(
    'methods',
    'an untold method',
    { method: undefined, path: '/things/1', modelOnly: untold },
    notDescribed,
  ),
  row(
    'methods',
    'an untold method where none is named',
    { method: undefined, path: '/any', modelOnly: untold },
    passes('any'),
  ),
  row('methods', 'HEAD alone', { method: 'HEAD', path: '/heads' }, passes('head')),
  row('methods', 'GET does not go with HEAD', { path: '/heads' }, noRoute),

  row('hosts', 'a host', { path: '/x' }, passes('api')),
  row('hosts', 'a host in capitals', { path: '/x', host: 'API.Example.COM' }, passes('api')),
  row('hosts', 'a host with a port', { path: '/x', host: 'api.example.com:8443' }, passes('api')),
  row(
    'hosts',
    'a host with a dot at the end',
    { path: '/x', host: 'api.example.com.' },
    passes('api'),
  ),
  row(
    'hosts',
    'a dot at the end and a port',
    { path: '/x', host: 'api.example.com.:80' },
    passes('api'),
  ),
  row(
    'hosts',
    'a host that begins alike',
    { path: '/x', host: 'api.example.com.evil.example' },
    noRoute,
  ),
  row('hosts', 'a host that ends alike', { path: '/x', host: 'notapi.example.com' }, noRoute),
  row('hosts', 'one label more', { path: '/x', host: 'a.example.org' }, passes('sub')),
  row('hosts', 'two labels more', { path: '/x', host: 'a.b.example.org' }, passes('sub')),
  row('hosts', 'no label more', { path: '/x', host: 'example.org' }, noRoute),
  row('hosts', 'a label that ends alike', { path: '/x', host: 'myexample.org' }, noRoute),
  row(
    'hosts',
    'the port that is named',
    { path: '/x', host: 'ports.example.com:8443' },
    passes('port'),
  ),
  row('hosts', 'another port', { path: '/x', host: 'ports.example.com:8444' }, noRoute),
  row('hosts', 'no port where one is named', { path: '/x', host: 'ports.example.com' }, noRoute),
  row('hosts', 'the port of https', { path: '/x', host: 'default.example.com' }, passes('default')),
  row(
    'hosts',
    'the port of http',
    { path: '/x', host: 'default.example.com', scheme: 'http' },
    noRoute,
  ),
  row(
    'hosts',
    'a port that nobody told',
    { path: '/x', host: 'default.example.com', scheme: undefined, modelOnly: untold },
    notDescribed,
  ),
  row('hosts', 'an IPv6 address', { path: '/x', host: '[2001:db8::1]' }, passes('six')),
  row(
    'hosts',
    'an IPv6 address at length',
    { path: '/x', host: '[2001:DB8:0:0:0:0:0:1]:443' },
    passes('six'),
  ),
  row(
    'hosts',
    'no IPv6 address',
    { path: '/x', host: '[::zz]', modelOnly: unsendable },
    unreadable,
  ),
  row(
    'hosts',
    'two hosts',
    { path: '/plain/x', scheme: 'http', host: 'a.example.com, api.example.com' },
    unreadable,
  ),
  row(
    'hosts',
    'a user before the host',
    { path: '/plain/x', scheme: 'http', host: 'api.example.com@evil.example' },
    unreadable,
  ),
  row(
    'hosts',
    'a blank in the host',
    { path: '/plain/x', scheme: 'http', host: 'api.example.com evil' },
    unreadable,
  ),
  row(
    'hosts',
    'a path in the host',
    { path: '/plain/x', scheme: 'http', host: 'api.example.com/x' },
    unreadable,
  ),
  row(
    'hosts',
    'an escape in the host',
    { path: '/plain/x', scheme: 'http', host: 'api%2eexample.com' },
    unreadable,
  ),
  row(
    'hosts',
    'an empty label',
    { path: '/plain/x', scheme: 'http', host: 'api..example.com' },
    unreadable,
  ),
  row(
    'hosts',
    'a port that is no number',
    { path: '/plain/x', scheme: 'http', host: 'api.example.com:http' },
    unreadable,
  ),
  row(
    'hosts',
    'a port that is too great',
    { path: '/plain/x', scheme: 'http', host: 'api.example.com:65536' },
    unreadable,
  ),
  row(
    'hosts',
    'an untold host',
    { path: '/plain/x', scheme: 'http', host: undefined, modelOnly: untold },
    notDescribed,
  ),
  row(
    'hosts',
    'an empty host',
    { path: '/plain/x', scheme: 'http', host: '', modelOnly: untold },
    notDescribed,
  ),
  row(
    'hosts',
    'plain http',
    { path: '/plain/x', host: 'x.example.net', scheme: 'http', caller: 'nobody' },
    passes('plain'),
  ),
  row(
    'hosts',
    'https where http is asked for',
    { path: '/plain/x', host: 'x.example.net' },
    noRoute,
  ),
  row('hosts', 'https', { path: '/secure/x', host: 'x.example.net' }, passes('secure')),
  row(
    'hosts',
    'an untold scheme',
    { path: '/secure/x', host: 'x.example.net', scheme: undefined, modelOnly: untold },
    notDescribed,
  ),

  row('untold', 'the method', { method: undefined, path: '/a/x', modelOnly: untold }, notDescribed),
  row(
    'untold',
    'the method, elsewhere',
    { method: undefined, path: '/d/x', modelOnly: untold },
    passes('rest'),
  ),
  row('untold', 'the host', { host: undefined, path: '/b/x', modelOnly: untold }, notDescribed),
  row(
    'untold',
    'the host, elsewhere',
    { host: undefined, path: '/d/x', modelOnly: untold },
    passes('rest'),
  ),
  row(
    'untold',
    'a host that cannot be read',
    { host: 'b.example.com@evil.example', path: '/b/x' },
    unreadable,
  ),
  row(
    'untold',
    'a host that cannot be read, elsewhere',
    { host: 'b.example.com@evil.example', path: '/d/x' },
    passes('rest'),
  ),
  row('untold', 'the scheme', { scheme: undefined, path: '/c/x', modelOnly: untold }, notDescribed),
  row(
    'untold',
    'the scheme, elsewhere',
    { scheme: undefined, path: '/d/x', modelOnly: untold },
    passes('rest'),
  ),
  row('untold', 'the path', { path: undefined, modelOnly: untold }, notDescribed),
  row(
    'untold',
    'the path, where all else differs',
    { method: 'GET', host: 'x.example.com', scheme: 'http', path: undefined, modelOnly: untold },
    passes('rest'),
  ),
  row(
    'untold',
    'all of it',
    { method: undefined, host: undefined, scheme: undefined, path: undefined, modelOnly: untold },
    notDescribed,
  ),
  row('untold', 'nothing', { method: 'POST', path: '/a/x' }, lacks('post', 'admin:all')),

  row(
    'preflights',
    'for a method that is named',
    { method: 'OPTIONS', path: '/cors/x', headers: preflight('PUT'), caller: 'nobody' },
    passes('put'),
  ),
  row(
    'preflights',
    'for another method',
    { method: 'OPTIONS', path: '/cors/x', headers: preflight('GET'), caller: 'nobody' },
    passes('get'),
  ),
  row(
    'preflights',
    'for HEAD, which goes with GET',
    { method: 'OPTIONS', path: '/cors/x', headers: preflight('HEAD'), caller: 'nobody' },
    passes('get'),
  ),
  row(
    'preflights',
    'for a method that nobody names',
    { method: 'OPTIONS', path: '/cors/x', headers: preflight('DELETE'), caller: 'nobody' },
    needsToken('options'),
  ),
  row(
    'preflights',
    'for a method in small letters',
    { method: 'OPTIONS', path: '/cors/x', headers: preflight('put'), caller: 'nobody' },
    needsToken('options'),
  ),
  row(
    'preflights',
    'OPTIONS without Origin',
    {
      method: 'OPTIONS',
      path: '/cors/x',
      headers: { 'Access-Control-Request-Method': 'PUT' },
      caller: 'nobody',
    },
    needsToken('options'),
  ),
  row(
    'preflights',
    'OPTIONS without a method',
    {
      method: 'OPTIONS',
      path: '/cors/x',
      headers: { Origin: 'https://app.example.org' },
      caller: 'nobody',
    },
    needsToken('options'),
  ),
  row(
    'preflights',
    'OPTIONS with a token',
    { method: 'OPTIONS', path: '/cors/x' },
    passes('options'),
  ),
  row(
    'preflights',
    'the request itself needs a token',
    { method: 'PUT', path: '/cors/x', headers: preflight('PUT'), caller: 'nobody' },
    needsToken('put'),
  ),
  row(
    'preflights',
    'GET with the headers of one',
    { path: '/cors/x', headers: preflight('GET'), caller: 'nobody' },
    needsToken('get'),
  ),
  row(
    'preflights',
    'where none is let pass',
    { method: 'OPTIONS', path: '/closed/x', headers: preflight('POST'), caller: 'nobody' },
    noRoute,
  ),
  row(
    'preflights',
    'where no method is named',
    { method: 'OPTIONS', path: '/whole/x', headers: preflight('DELETE'), caller: 'nobody' },
    passes('whole'),
  ),
  row(
    'preflights',
    'the request asks for what the route says',
    { method: 'DELETE', path: '/whole/x' },
    lacks('whole', 'admin:all'),
  ),
  row(
    'preflights',
    'where a token is always needed',
    { method: 'OPTIONS', path: '/strict/x', headers: preflight('PUT'), caller: 'nobody' },
    needsToken('strict'),
  ),
  row(
    'preflights',
    'on a path that is read in two ways',
    { method: 'OPTIONS', path: '/cors/../closed/x', headers: preflight('PUT'), caller: 'nobody' },
    pathRefused,
  ),

  row('order', 'the first that matches decides', { path: '/a/b/c' }, passes('first')),
  row(
    'order',
    'a token is needed though a later route asks for none',
    { path: '/a/b/c', caller: 'nobody' },
    needsToken('first'),
  ),
  row(
    'order',
    'the next where the first does not match',
    { path: '/a/x' },
    lacks('second', 'admin:all'),
  ),
  row('order', 'a star before a literal', { path: '/z/b/d', caller: 'nobody' }, passes('fourth')),
]

const requirements: readonly (readonly [path: string, CallerName, Expected])[] = [
  ['/token', 'reader', passes('token')],
  ['/token', 'stranger', passes('token')],
  ['/token', 'nobody', needsToken('token')],
  ['/all', 'writer', passes('all')],
  ['/all', 'reader', lacks('all', 'data:write')],
  ['/one', 'writer', passes('one')],
  ['/one', 'orchestrator', passes('one')],
  ['/one', 'reader', lacks('one', 'data:write')],
  ['/both', 'writer', passes('both')],
  ['/both', 'orchestrator', passes('both')],
  ['/both', 'reader', lacks('both', 'data:write')],
  ['/first', 'reader', passes('first')],
  ['/first', 'partner', refused('insufficient_trust', 'first')],
  ['/first', 'unverified', refused('insufficient_trust', 'first')],
  ['/first', 'onBehalf', passes('first')],
  ['/first', 'onBehalfUnverified', refused('insufficient_trust', 'first')],
  ['/third', 'partner', passes('third')],
  ['/third', 'reader', passes('third')],
  ['/third', 'unverified', refused('insufficient_trust', 'third')],
  ['/third', 'unheardOf', refused('insufficient_trust', 'third')],
  ['/least', 'unverified', passes('least')],
  ['/least', 'unheardOf', refused('insufficient_trust', 'least')],
  ['/agents', 'reader', passes('agents')],
  ['/agents', 'service', refused('identity_type_not_allowed', 'agents')],
  ['/agents', 'onBehalf', passes('agents')],
  ['/kinds', 'service', passes('kinds')],
  ['/kinds', 'reader', refused('identity_type_not_allowed', 'kinds')],
  ['/leaders', 'orchestrator', passes('leaders')],
  ['/leaders', 'reader', refused('sub_type_not_allowed', 'leaders')],
  ['/home', 'reader', passes('home')],
  ['/home', 'neighbour', refused('tenant_not_allowed', 'home')],
  ['/home', 'stranger', refused('tenant_not_allowed', 'home')],
  ['/homes', 'stranger', passes('homes')],
  ['/homes', 'neighbour', refused('tenant_not_allowed', 'homes')],
  ['/audience', 'orchestrator', passes('audience')],
  ['/audience', 'reader', refused('audience_not_allowed', 'audience')],
  ['/audience', 'elsewhere', refused('audience_not_allowed', 'audience')],
  ['/audiences', 'elsewhere', passes('audiences')],
  ['/audiences', 'orchestrator', passes('audiences')],
  ['/audiences', 'reader', refused('audience_not_allowed', 'audiences')],
  ['/alone', 'reader', passes('alone')],
  ['/alone', 'child', refused('delegation_too_deep', 'alone')],
  ['/near', 'child', passes('near')],
  ['/near', 'grandchild', passes('near')],
  ['/near', 'chain', refused('delegation_too_deep', 'near')],
  ['/actors', 'reader', passes('actors')],
  ['/actors', 'child', passes('actors')],
  ['/actors', 'chain', passes('actors')],
  ['/actors', 'onBehalf', passes('actors')],
  ['/actors', 'neighbour', refused('actor_not_allowed', 'actors')],
  ['/nobody', 'reader', refused('actor_not_allowed', 'nobody')],
  ['/search', 'orchestrator', passes('search')],
  ['/search', 'reader', refused('tool_not_allowed', 'search')],
  ['/toolbox', 'orchestrator', refused('tool_not_allowed', 'toolbox')],
  [
    '/proof',
    'reader',
    { status: 401, error: 'invalid_token', reason: 'token_not_bound', route: 'proof' },
  ],
  ['/no-proof', 'reader', passes('noProof')],
  ['/order', 'stranger', refused('tenant_not_allowed', 'order')],
  ['/order', 'unverified', refused('insufficient_trust', 'order')],
  ['/order', 'orchestrator', lacks('order', 'admin:all')],
  ['/shadow', 'reader', passes('shadow')],
  ['/shadow', 'nobody', needsToken('shadow')],
]

/** What must become of requests: one row for each matcher, requirement and trick. */
export const table: readonly Row[] = [
  ...parts,
  ...guardedPaths.map(([name, path, expected, modelOnly]) =>
    row('guarded', name, { path, ...(modelOnly === undefined ? {} : { modelOnly }) }, expected),
  ),
  ...plainPaths.map(([path, expected]) => row('paths', path, { path }, expected)),
  ...requirements.map(([path, caller, expected]) =>
    row('requirements', `${path} by ${caller}`, { path, caller }, expected),
  ),
]
