import {
  claimedRequestHeaders,
  dialectNote,
  identityHeaderNamePattern,
  identityHeaderNames,
  refusalHeaders,
  requestHeadersForGate,
  unavailableBody,
} from './headers.ts'
import type { ConfigFiles, GateAddress, HostPort, ProxyOptions } from './options.ts'
import { authority, isName } from './options.ts'

/**
 * Envoy with the HTTP ext_authz filter: a whole static config.
 *
 * @param options addresses
 */
export function envoy(options: ProxyOptions): ConfigFiles {
  return {
    'envoy.yaml': [
      top(options.listen),
      item(describeFilter, 18),
      authzFilter(options.gate),
      rest(options),
    ].join('\n'),
  }
}

function top(listen: HostPort): string {
  return `# zeroid-gate before a service, by Envoy (istio.yaml and envoy-gateway.yaml stand beside).
# Set the three addresses below. Then: envoy --mode validate -c envoy.yaml (an Envoy that is too old
# for a field says so; made with 1.40)
# ${dialectNote}
#
# The filters run in order: take the client's own identity headers away, ask the gate, set the gate's.
static_resources:
  listeners:
    - name: zeroid_gate
      address:
        socket_address: { address: "${listen.host || '0.0.0.0'}", port_value: ${listen.port} }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: zeroid_gate
                # A client's own X-Forwarded-For and x-envoy-... are not believed.
                use_remote_address: true
                # First of all: the gate is told the path that the backend gets.
                normalize_path: true
                # A token may have 16 KiB.
                max_request_headers_kb: 96
                common_http_protocol_options:
                  # X_Zeroid_... is another spelling of the same header to many backends.
                  headers_with_underscores_action: DROP_HEADER
                upgrade_configs:
                  - upgrade_type: websocket
                # Envoy takes any 5xx of the gate for a failure, and drops its headers and body.
                local_reply_config:
                  mappers:
                    - filter:
                        and_filter:
                          filters:
                            - response_flag_filter: { flags: [UAEX] }
                            - status_code_filter:
                                comparison:
                                  op: EQ
                                  value: { default_value: 503, runtime_key: zeroid_gate.unknown }
                      headers_to_add:
                        - header: { key: Retry-After, value: "1" }
                        - header: { key: Cache-Control, value: no-store }
                      body_format_override:
                        text_format_source: { inline_string: '${unavailableBody}' }
                        content_type: application/json
                http_filters:`
}

/**
 * A filter that takes away what only the gate or a proxy may say, as the lines of a map. For an Envoy
 * that asks the gate for the client's own path, below a prefix.
 */
export const stripFilter: readonly string[] = mutations([
  '      - remove: X-Forwarded-Uri',
  '      - remove: X-Forwarded-Method',
])

/** The same, and it tells the gate what the request is: the path as Envoy hands it on. */
const describeFilter = mutations([
  '      # To the gate this proxy says it itself: the path as the backend gets it.',
  ...overwrite('X-Forwarded-Uri', '%REQ(:PATH)%'),
  ...overwrite('X-Forwarded-Method', '%REQ(:METHOD)%'),
])

function mutations(describing: readonly string[]): readonly string[] {
  return [
    'name: envoy.filters.http.header_mutation',
    'typed_config:',
    '  "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
    '  mutations:',
    '    request_mutations:',
    '      # Every identity header in every spelling that a backend may take for it.',
    '      - remove_on_match:',
    '          key_matcher:',
    '            safe_regex:',
    `              regex: "(?i)${identityHeaderNamePattern}"`,
    '      # What only a proxy may say of a request.',
    ...claimedRequestHeaders.map((name) => `      - remove: ${name}`),
    ...overwrite('X-Forwarded-Host', '%REQ(:AUTHORITY)%'),
    ...describing,
  ]
}

function overwrite(key: string, value: string): readonly string[] {
  return [
    '      - append:',
    '          append_action: OVERWRITE_IF_EXISTS_OR_ADD',
    `          header: { key: ${key}, value: "${value}" }`,
  ]
}

/** A map's lines as an item of a list. */
function item(lines: readonly string[], indent: number): string {
  return lines.map((line, i) => `${' '.repeat(indent)}${i === 0 ? '- ' : '  '}${line}`).join('\n')
}

function authzFilter(gate: GateAddress): string {
  return `                  - name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      # Fail closed: a gate that is away or cannot tell is 503, never a pass.
                      failure_mode_allow: false
                      status_on_error: { code: ServiceUnavailable }
                      # Authorization and the method are sent anyway; no cookie is.
                      allowed_headers:
                        patterns:
${exactly([...requestHeadersForGate, 'X-Forwarded-Uri', 'X-Forwarded-Method', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-For'], 26)}
                      http_service:
                        server_uri:
                          uri: ${'path' in gate ? 'http://zeroid-gate' : `http://${authority(gate)}`}
                          cluster: zeroid_gate
                          # The gate itself gives up after 2 s.
                          timeout: 5s
                        # An older Envoy has only path_prefix: /ext-authz, which the gate takes as well,
                        # but it appends the client's path and query. Then either leave the rest as it
                        # is, or do as istio.yaml does and set GATE_DIALECT=envoy.
                        path_override: /ext-authz
                        authorization_response:
                          # The closed list.
                          allowed_upstream_headers:
                            patterns:
${exactly(identityHeaderNames, 30)}
                          # What the client is told of a refusal.
                          allowed_client_headers:
                            patterns:
${exactly(refusalHeaders, 30)}`
}

function exactly(names: readonly string[], indent: number): string {
  return names
    .map((name) => `${' '.repeat(indent)}- { exact: ${name}, ignore_case: true }`)
    .join('\n')
}

function rest({ gate, backend }: ProxyOptions): string {
  return `                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: backend
                      domains: ["*"]
                      # They were for the gate alone.
                      request_headers_to_remove: [X-Forwarded-Uri, X-Forwarded-Method]
                      routes:
                        # No typed_per_filter_config that disables ext_authz, and nothing that
                        # clears the route cache after it.
                        - match: { prefix: / }
                          route: { cluster: zeroid_backend }
  clusters:
    # The gate. Its connections are kept, for less than the 75 s after which it closes idle ones.
${cluster('zeroid_gate', gate)}
    # Your service.
${cluster('zeroid_backend', backend)}
`
}

function cluster(name: string, address: GateAddress | HostPort): string {
  const socket =
    'path' in address
      ? `pipe: { path: "${address.path}" }`
      : `socket_address: { address: "${address.host}", port_value: ${address.port} }`
  const type = !('path' in address) && isName(address) ? 'STRICT_DNS' : 'STATIC'
  return `    - name: ${name}
      type: ${type}
      connect_timeout: 0.25s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          common_http_protocol_options: { idle_timeout: 60s }
          explicit_http_config: { http_protocol_options: {} }
      load_assignment:
        cluster_name: ${name}
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    ${socket}`
}
