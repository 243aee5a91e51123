import {
  claimedRequestHeaders,
  dialectNote,
  identityHeaderPattern,
  requestHeadersForGate,
} from './headers.ts'
import type { ConfigFiles, ProxyOptions } from './options.ts'
import { authority, OptionError } from './options.ts'

/**
 * Traefik 3 with the forwardAuth middleware: a static and a dynamic file.
 *
 * @param options addresses; the gate's must be a host and a port
 * @throws OptionError for a unix socket, to which forwardAuth cannot speak
 */
export function traefik(options: ProxyOptions): ConfigFiles {
  return { 'traefik.yml': statics(options), 'dynamic.yml': dynamics(options) }
}

function statics({ listen }: ProxyOptions): string {
  return `# zeroid-gate before a service, by Traefik 3: the static part. See dynamic.yml, beside it.
# Then: traefik --configFile=traefik.yml
entryPoints:
  web:
    address: "${listen.host === '' ? `:${listen.port}` : authority(listen)}"
    # Without forwardedHeaders.trustedIPs a client's own X-Forwarded-... is replaced. Name there the
    # addresses of a load balancer in front, and nothing wider; never "insecure: true".
    #
    # Other headers of yours that backends may read under another spelling: from 3.7.12 on also
    # http: { aliasHeadersStrategy: delete }
    # (the identity headers are stripped in every spelling by dynamic.yml, in any version).
providers:
  file:
    # Relative to the folder in which Traefik is started.
    filename: dynamic.yml
    watch: true
`
}

function dynamics({ gate, backend }: ProxyOptions): string {
  if ('path' in gate) throw new OptionError("Traefik's forwardAuth cannot speak to a unix socket")
  return `# zeroid-gate before a service, by Traefik 3: the dynamic part. Set the two addresses.
# ${dialectNote}
http:
  routers:
    backend:
      rule: PathPrefix(\`/\`)
      entryPoints: [web]
      # In this order, and before any stripPrefix: the path that is checked is the client's.
      middlewares: [zeroid-unclaimed, zeroid-gate]
      service: backend

  middlewares:
    # What only a proxy may say of a request. (Traefik itself replaces X-Forwarded-Uri and -Method.)
    zeroid-unclaimed:
      headers:
        customRequestHeaders:
${[...claimedRequestHeaders, 'X-Forwarded-Uri', 'X-Forwarded-Method'].map((name) => `          ${name}: ""`).join('\n')}

    zeroid-gate:
      forwardAuth:
        # The gate. A refusal goes to the client as it is: status, headers and body.
        # A gate that is away is 500: keep it on this host.
        address: http://${authority(gate)}/ext-authz
        # What the entry point made of X-Forwarded-... is good (see traefik.yml).
        trustForwardHeader: true
        # No cookie, and nothing else that a client can think of.
        authRequestHeaders:
${requestHeadersForGate.map((name) => `          - ${name}`).join('\n')}
        # Every client header that matches is deleted, then the gate's are set: the identity headers
        # in every spelling that a backend may take for them.
        authResponseHeadersRegex: "(?i)${identityHeaderPattern}"

  services:
    # Your service.
    backend:
      loadBalancer:
        servers:
          - url: http://${authority(backend)}
`
}
