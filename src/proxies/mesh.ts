import { stripFilter } from './envoy.ts'
import {
  claimedRequestHeaders,
  identityHeaderNamePattern,
  identityHeaderNames,
  refusalHeaders,
  requestHeadersForGate,
} from './headers.ts'
import type { ConfigFiles } from './options.ts'

/**
 * Envoy under a control plane: Istio and Envoy Gateway. The gate is a Service in both, and reads the
 * client's method, host and path from the auth request itself.
 */
export function mesh(): ConfigFiles {
  return { 'istio.yaml': istio(), 'envoy-gateway.yaml': envoyGateway() }
}

/** Method, Host and path are sent anyway; the scheme is told by Envoy. */
const gateHeaders = [...requestHeadersForGate, 'X-Forwarded-Proto']

const dialect = `The gate's GATE_DIALECT must be envoy: method, host and path are those of the auth request.`

function istio(): string {
  return `# zeroid-gate before workloads of an Istio mesh (its Envoy must know remove_on_match: 1.40 does).
# ${dialect}
#
# 1. The provider, in the mesh config (istioctl, Helm's meshConfig, or the ConfigMap "istio"):
#
# extensionProviders:
#   - name: zeroid-gate
#     envoyExtAuthzHttp:
#       service: zeroid-gate.zeroid.svc.cluster.local
#       port: 8900
#       # The client's path and query are appended; the gate reads the path, as Envoy normalised it.
#       pathPrefix: /ext-authz
#       timeout: 5s
#       # Fail closed: a gate that is away or cannot tell is 503, never a pass.
#       failOpen: false
#       statusOnError: "503"
#       includeRequestHeadersInCheck:
${listed(gateHeaders, '#         ')}
#       # The closed list.
#       headersToUpstreamOnAllow:
${listed(identityHeaderNames, '#         ')}
#       headersToDownstreamOnDeny:
${listed(refusalHeaders, '#         ')}
#
# 2. Take the client's own identity headers away, before the gate is asked. Without this filter a
#    client may set every header that the gate leaves out.
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: zeroid-gate-strip
  namespace: istio-system
spec:
  workloadSelector:
    labels:
      istio: ingressgateway
  configPatches:
    - applyTo: NETWORK_FILTER
      match:
        context: GATEWAY
        listener:
          filterChain:
            filter:
              name: envoy.filters.network.http_connection_manager
      patch:
        operation: MERGE
        value:
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            common_http_protocol_options:
              headers_with_underscores_action: DROP_HEADER
    - applyTo: HTTP_FILTER
      match:
        context: GATEWAY
        listener:
          filterChain:
            filter:
              name: envoy.filters.network.http_connection_manager
      patch:
        operation: INSERT_FIRST
        value:
${stripFilter.map((line) => `          ${line}`).join('\n')}
---
# 3. Who asks the gate: here everything that comes through the ingress gateway.
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: zeroid-gate
  namespace: istio-system
spec:
  selector:
    matchLabels:
      istio: ingressgateway
  action: CUSTOM
  provider:
    name: zeroid-gate
  rules:
    - {}
`
}

function envoyGateway(): string {
  return `# zeroid-gate before routes of Envoy Gateway. Set the names of your Gateway and of the gate's Service.
# ${dialect}
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata:
  name: zeroid-gate
  namespace: default
spec:
  targetRefs:
    - group: gateway.networking.k8s.io
      kind: Gateway
      name: eg
  extAuth:
    # Fail closed.
    failOpen: false
    statusOnError: 503
    # Authorization is sent anyway, and no other header is.
    headersToExtAuth:
${listed(gateHeaders.slice(1), '      ')}
    http:
      # The client's path is appended, and told to the gate in this way.
      path: /ext-authz
      backendRefs:
        - name: zeroid-gate
          port: 8900
      # The closed list.
      headersToBackend:
${listed(identityHeaderNames, '        ')}
---
# Take away what only the gate or a proxy may say, before the gate is asked (removeOnMatch: 1.9 has it).
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata:
  name: zeroid-gate-strip
  namespace: default
spec:
  targetRefs:
    - group: gateway.networking.k8s.io
      kind: Gateway
      name: eg
  headers:
    withUnderscoresAction: DropHeader
    earlyRequestHeaders:
      remove:
${listed([...identityHeaderNames, ...claimedRequestHeaders, 'X-Forwarded-Uri', 'X-Forwarded-Method'], '        ')}
      removeOnMatch:
        # Every other spelling that a backend may take for an identity header.
        - type: RegularExpression
          value: "${identityHeaderNamePattern}"
`
}

function listed(names: readonly string[], indent: string): string {
  return names.map((name) => `${indent}- ${name}`).join('\n')
}
