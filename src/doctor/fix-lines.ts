import type { ProxyKind } from '../proxies/index.ts'
import type { FixId } from './advice.ts'

/** Lines of a shipped config, by what they mend. */
type FixLines = Readonly<Partial<Record<FixId, readonly string[]>>>

/** Word for word from `src/proxies`: a test finds each of them there. */
export const fixLines: Readonly<Partial<Record<ProxyKind, FixLines>>> = {
  nginx: {
    'big-headers': ['large_client_header_buffers 4 32k;'],
    check: ['auth_request /_zeroid_gate;'],
    claimed: ['proxy_set_header X-Original-URI "";', 'proxy_set_header Forwarded "";'],
    cookies: ['proxy_set_header Cookie "";'],
    copy: ['proxy_set_header X-Zeroid-Owner            $x_zeroid_owner;'],
    forwarded: [
      'proxy_set_header X-Forwarded-Uri    $request_uri;',
      'proxy_set_header X-Forwarded-Method $request_method;',
    ],
    query: ['proxy_pass http://zeroid_gate/oauth2/token/verify;'],
    'refusal-body': ['error_page 401 = @zeroid_401;', 'return 401 $zeroid_problem;'],
    reuse: ['keepalive 32;', 'proxy_http_version 1.1;', 'proxy_set_header Connection "";'],
    strip: ['proxy_set_header X-Zeroid-Owner            $x_zeroid_owner;'],
    'strip-spellings': ['underscores_in_headers off;', 'ignore_invalid_headers on;'],
    unavailable: ['error_page 500 = @zeroid_unknown;'],
    websocket: [
      'proxy_set_header Upgrade    $http_upgrade;',
      'proxy_set_header Connection $zeroid_connection;',
    ],
  },
  caddy: {
    check: ['rewrite /ext-authz?'],
    claimed: ['request_header -X-Original-URI', 'request_header -Forwarded'],
    connection: [
      'request_header @no_upgrade -Connection',
      'request_header @upgrade Connection Upgrade',
    ],
    cookies: ['header_up -Cookie'],
    copy: [
      'request_header @x_zeroid_owner X-Zeroid-Owner {http.reverse_proxy.header.X-Zeroid-Owner}',
    ],
    forwarded: [
      'header_up X-Forwarded-Method {http.request.orig_method}',
      'header_up X-Forwarded-Uri {http.request.orig_uri}',
    ],
    query: ['rewrite /ext-authz?'],
    'refusal-body': ['rewrite /ext-authz?'],
    strip: ['request_header -*zeroid*', 'request_header -X-Forwarded-User'],
    'strip-spellings': ['request_header -X_*', 'request_header -X.*', 'request_header -*zeroid*'],
    unavailable: ['@unasked vars zeroid asking'],
  },
  traefik: {
    check: ['middlewares: [zeroid-unclaimed, zeroid-gate]'],
    claimed: ['trustForwardHeader: true', 'authRequestHeaders:'],
    cookies: ['authRequestHeaders:'],
    copy: ['authResponseHeadersRegex: "(?i)^x[^a-z0-9](zeroid[^a-z0-9]|forwarded[^a-z0-9]user$)"'],
    preflight: ['- Origin', '- Access-Control-Request-Method'],
    proof: ['- DPoP'],
    strip: ['authResponseHeadersRegex: "(?i)^x[^a-z0-9](zeroid[^a-z0-9]|forwarded[^a-z0-9]user$)"'],
    'strip-spellings': [
      'authResponseHeadersRegex: "(?i)^x[^a-z0-9](zeroid[^a-z0-9]|forwarded[^a-z0-9]user$)"',
    ],
  },
  envoy: {
    'big-headers': ['max_request_headers_kb: 96'],
    check: ['- name: envoy.filters.http.ext_authz'],
    claimed: ['- remove: X-Original-URI', '- remove: Forwarded'],
    copy: ['allowed_upstream_headers:', '- { exact: X-Zeroid-Owner, ignore_case: true }'],
    'fail-closed': ['failure_mode_allow: false'],
    preflight: [
      '- { exact: Origin, ignore_case: true }',
      '- { exact: Access-Control-Request-Method, ignore_case: true }',
    ],
    proof: ['- { exact: DPoP, ignore_case: true }'],
    query: ['path_override: /ext-authz'],
    strip: ['- remove_on_match:'],
    'strip-spellings': ['headers_with_underscores_action: DROP_HEADER', '- remove_on_match:'],
    unavailable: [
      'status_on_error: { code: ServiceUnavailable }',
      '- response_flag_filter: { flags: [UAEX] }',
    ],
    websocket: ['- upgrade_type: websocket'],
  },
  haproxy: {
    'big-headers': ['tune.bufsize 65536'],
    challenge: ['hdr WWW-Authenticate %[var(txn.zeroid_www)]'],
    check: ['http-request lua.zeroid_gate', 'unless { var(txn.zeroid_status) -m int 200 }'],
    claimed: ['http-request del-header X-Original-URI', 'http-request del-header Forwarded'],
    'fail-closed': ['unless { var(txn.zeroid_status) -m int 200 }'],
    preflight: ['"origin",', '"access-control-request-method",'],
    proof: ['"dpop",'],
    reuse: ['http-reuse always'],
    strip: [
      "http-request del-header '^x[^a-z0-9](zeroid[^a-z0-9]|forwarded[^a-z0-9]user$)' -m reg",
    ],
    'strip-spellings': [
      "http-request del-header '^x[^a-z0-9](zeroid[^a-z0-9]|forwarded[^a-z0-9]user$)' -m reg",
    ],
    unavailable: [
      'hdr Retry-After 1 hdr Cache-Control no-store unless { var(txn.zeroid_status) -m int 200 }',
    ],
  },
}
