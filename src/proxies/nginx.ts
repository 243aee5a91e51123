import {
  claimedRequestHeaders,
  dialectNote,
  identityHeaderNames,
  unavailableBody,
} from './headers.ts'
import type { ConfigFiles, HostPort, ProxyOptions } from './options.ts'
import { authority } from './options.ts'

/**
 * nginx with `auth_request`: one file for `conf.d`.
 *
 * @param options addresses
 */
export function nginx(options: ProxyOptions): ConfigFiles {
  return { 'zeroid-gate.conf': [top(options), server(options)].join('\n') }
}

function top({ gate, backend }: ProxyOptions): string {
  return `# zeroid-gate before a service, by nginx (1.22 or later, auth_request module).
# Copy to /etc/nginx/conf.d/ and set the two addresses below. Then: nginx -t && nginx -s reload
# ${dialectNote}
#
# Every request is checked: auth_request stands at server level, and what a location does not say
# itself it inherits. Three things would undo that:
#   - "return", or "rewrite ... last" to another server's name, in a location: they run before the
#     check. Use "rewrite ... break".
#   - a proxy_set_header in a location: that location then inherits none, and the client's own
#     identity headers pass. Repeat the whole block marked IDENTITY there.
#   - an error_page for 401, 403 or 500 in a location: repeat the three of this file there.
# And one would refuse a good request: "index", "try_files" or X-Accel-Redirect to another URI make
# nginx check it anew, while a proof of possession (DPoP) is good once.

# The gate. Its connections are kept: a check costs no TCP handshake.
upstream zeroid_gate {
    server ${'path' in gate ? `unix:${gate.path}` : authority(gate)};
    keepalive 32;
}

# Your service.
upstream zeroid_backend {
    server ${authority(backend)};
    keepalive 32;
}

map $http_upgrade $zeroid_connection {
    default upgrade;
    ''      '';
}

# What a client is told where the gate itself could not say it.
map $zeroid_retry $zeroid_retry_after {
    default $zeroid_retry;
    ''      1;
}
map $zeroid_problem $zeroid_unavailable {
    default $zeroid_problem;
    ''      '${unavailableBody}';
}
`
}

function server(options: ProxyOptions): string {
  return `server {
    listen ${listenOn(options.listen)};
    server_name _;

    # X_Zeroid_... and X.Zeroid... are other spellings of the same header to many backends. These
    # are nginx's defaults, but must not be changed; of several servers on one port, nginx reads
    # these three in the first.
    underscores_in_headers off;
    ignore_invalid_headers on;
    # A token may have 16 KiB.
    large_client_header_buffers 4 32k;

    auth_request /_zeroid_gate;
    auth_request_set $zeroid_status  $upstream_status;
    auth_request_set $zeroid_www     $upstream_http_www_authenticate;
    auth_request_set $zeroid_nonce   $upstream_http_dpop_nonce;
    auth_request_set $zeroid_retry   $upstream_http_retry_after;
    auth_request_set $zeroid_problem $upstream_http_x_zeroid_problem;

    # nginx makes 500 of every answer but 2xx, 401 and 403, also of a gate that is down.
    error_page 401 = @zeroid_401;
    error_page 403 = @zeroid_403;
    error_page 500 = @zeroid_unknown;

    # IDENTITY: every header that the gate may set, also those that it leaves out for this caller:
    # an empty value removes what the client sent.
${identity()}
    # What the backend may believe about the request; the client's own such words are removed.
    proxy_set_header Host              $http_host;
    proxy_set_header X-Forwarded-For   $remote_addr;
    proxy_set_header X-Forwarded-Host  $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Uri    "";
    proxy_set_header X-Forwarded-Method "";
${claimedRequestHeaders.map((name) => `    proxy_set_header ${name} "";`).join('\n')}
    # WebSocket.
    proxy_http_version 1.1;
    proxy_set_header Upgrade    $http_upgrade;
    proxy_set_header Connection $zeroid_connection;
    # end of IDENTITY

    location / {
        proxy_pass http://zeroid_backend;
    }

${gateLocation()}

    # The gate's own words: the challenge and the JSON that it sends in X-Zeroid-Problem.
    location @zeroid_401 {
        default_type application/json;
        add_header Cache-Control no-store always;
        # nginx itself passes WWW-Authenticate on with a 401. Without a nonce there is no header.
        add_header DPoP-Nonce $zeroid_nonce always;
        return 401 $zeroid_problem;
    }
    location @zeroid_403 {
        default_type application/json;
        add_header Cache-Control no-store always;
        add_header WWW-Authenticate $zeroid_www always;
        add_header DPoP-Nonce $zeroid_nonce always;
        return 403 $zeroid_problem;
    }
    # The gate cannot tell, or is away: never let in, but do not call the token bad either.
    location @zeroid_unknown {
        default_type application/json;
        add_header Cache-Control no-store always;
        if ($zeroid_status = 400) {
            return 400 $zeroid_problem;
        }
        if ($zeroid_status = 431) {
            return 431;
        }
        add_header Retry-After $zeroid_retry_after always;
        return 503 $zeroid_unavailable;
    }
}
`
}

/** One pair for every name of the closed list. */
function identity(): string {
  const width = Math.max(...identityHeaderNames.map((name) => name.length))
  return identityHeaderNames
    .map((name) => {
      const variable = name.toLowerCase().replaceAll('-', '_')
      const padded = `$${variable}`.padEnd(width + 1)
      return `    auth_request_set ${padded} $upstream_http_${variable};
    proxy_set_header ${name.padEnd(width)} $${variable};`
    })
    .join('\n')
}

function gateLocation(): string {
  return `    location = /_zeroid_gate {
        internal;
        auth_request off;
        # With a path of its own the client's path and query stay out of the request line.
        proxy_pass http://zeroid_gate/oauth2/token/verify;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Upgrade "";
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Content-Type "";
        proxy_set_header Host $http_host;
        # $request_uri, never $uri: as the client sent it.
        proxy_set_header X-Forwarded-Uri    $request_uri;
        proxy_set_header X-Forwarded-Method $request_method;
        proxy_set_header X-Forwarded-Host   $http_host;
        proxy_set_header X-Forwarded-Proto  $scheme;
        proxy_set_header X-Forwarded-For    $remote_addr;
${[...claimedRequestHeaders, 'Cookie'].map((name) => `        proxy_set_header ${name} "";`).join('\n')}
        proxy_buffer_size 16k;
        proxy_buffers 4 16k;
        proxy_busy_buffers_size 32k;
        proxy_connect_timeout 250ms;
        # The gate itself gives up after 2 s.
        proxy_read_timeout 5s;
        # No proxy_cache here: a verdict is good for one request.
    }`
}

function listenOn(listen: HostPort): string {
  return listen.host === '' ? String(listen.port) : authority(listen)
}
