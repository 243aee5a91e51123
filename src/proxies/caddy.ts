import {
  claimedRequestHeaders,
  dialectNote,
  identityHeaderNames,
  unavailableBody,
} from './headers.ts'
import type { ConfigFiles, GateAddress, HostPort, ProxyOptions } from './options.ts'
import { authority } from './options.ts'

/**
 * Caddy, any version from 2.6: one Caddyfile.
 *
 * @param options addresses
 */
export function caddy(options: ProxyOptions): ConfigFiles {
  return { Caddyfile: [top(options), question(options), rest(options)].join('\n') }
}

function top({ listen }: ProxyOptions): string {
  return `# zeroid-gate before a service, by Caddy (the same file for 2.6 and for 2.11).
# Set the three addresses below. Then: caddy validate --config Caddyfile && caddy reload
# ${dialectNote}
#
# It says with reverse_proxy what forward_auth is short for. forward_auth in Caddy before 2.11.2
# lets a client's own header through, or writes a placeholder's name into it, for every identity
# header that the gate leaves out: with the lines below the gate needs no GATE_EMPTY_HEADERS.
#
# Everything stands in one "route", in this order. At top level Caddy would sort the directives,
# and take the verified headers away again.

# No host name before the port: a request for another name would be answered without a check.
:${listen.port} {
${listen.host === '' ? '' : `\tbind ${listen.host}\n`}	route {
		# What only the gate may say, in every spelling that a backend may take for it. The client's
		# other headers that begin with X_ or X. go too. Caddy matches names without regard to case.
		request_header -*zeroid*
		request_header -X_*
		request_header -X.*
${others()}
		# What only a proxy may say of a request.
${['X-Forwarded-Uri', 'X-Forwarded-Method', ...claimedRequestHeaders].map((name) => `\t\trequest_header -${name}`).join('\n')}
		# A client may not list the verified headers in Connection, or the backend would never see
		# them: of its own list nothing is left but a WebSocket's Upgrade.
		@upgrade header_regexp Connection (?i)(^|[\\s,])upgrade($|[\\s,])
		@no_upgrade not header_regexp Connection (?i)(^|[\\s,])upgrade($|[\\s,])
		request_header @upgrade Connection Upgrade
		request_header @no_upgrade -Connection

		vars zeroid asking
`
}

/** Names of the closed list that the lines for `zeroid` do not cover. */
function others(): string {
  return identityHeaderNames
    .filter((name) => !/zeroid/i.test(name))
    .flatMap((name) => {
      const stem = name.slice(0, name.lastIndexOf('-'))
      return [name, `${stem}_*`, `${stem}.*`]
    })
    .map((name) => `\t\trequest_header -${name}`)
    .join('\n')
}

function question({ gate }: ProxyOptions): string {
  return `		# The gate.
		reverse_proxy ${dial(gate)} {
			method GET
			# The empty query keeps the client's out. Under /ext-authz the gate's refusals have a
			# body, which goes to the client with status and headers as it is.
			rewrite /ext-authz?
			header_up X-Forwarded-Method {http.request.orig_method}
			# The client's own path, also inside handle_path.
			header_up X-Forwarded-Uri {http.request.orig_uri}
			header_up -Cookie
			header_up -Upgrade
			header_up -Connection
			transport http {
				dial_timeout 250ms
				# The gate itself gives up after 2 s.
				response_header_timeout 5s
				# Below the 75 s after which the gate closes an idle connection.
				keepalive 60s
				keepalive_idle_conns_per_host 32
			}

			@allowed status 200
			handle_response @allowed {
				vars zeroid allowed
${identity()}
			}
			# Any other 2xx is no allow.
			@odd status 2xx
			handle_response @odd {
				error 503
			}
		}
`
}

/** By way of a variable: Caddy 2.6 takes a placeholder without value for its own name. */
function identity(): string {
  return identityHeaderNames
    .map((name) => {
      const value = `{http.reverse_proxy.header.${canonical(name)}}`
      const variable = name.toLowerCase().replaceAll('-', '_')
      return `				vars ${variable} ${value}
				@${variable} expression {http.vars.${variable}} != ""
				request_header @${variable} ${name} ${value}`
    })
    .join('\n')
}

/** As Go spells it, by which Caddy looks it up. */
function canonical(name: string): string {
  return name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join('-')
}

function rest({ backend }: ProxyOptions): string {
  return `		# Your service.
		reverse_proxy ${dial(backend)}
	}

	# The gate is away: never let in, but do not call the token bad either.
	handle_errors {
		@unasked vars zeroid asking
		header @unasked Retry-After 1
		header @unasked Cache-Control no-store
		header @unasked Content-Type application/json
		respond @unasked \`${unavailableBody}\` 503
		respond "{http.error.status_code} {http.error.status_text}" {http.error.status_code}
	}
}
`
}

function dial(address: GateAddress | HostPort): string {
  return 'path' in address ? `unix/${address.path}` : authority(address)
}
