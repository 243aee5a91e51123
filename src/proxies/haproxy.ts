import {
  claimedRequestHeaders,
  dialectNote,
  identityHeaderNames,
  identityHeaderPattern,
  requestHeadersForGate,
  unavailableBody,
} from './headers.ts'
import type { ConfigFiles, GateAddress, ProxyOptions } from './options.ts'
import { authority, isName } from './options.ts'

/**
 * HAProxy 2.6 or later with Lua: it has no forward auth of its own, so a small action asks the gate.
 *
 * @param options addresses
 */
export function haproxy(options: ProxyOptions): ConfigFiles {
  return {
    'haproxy.cfg': [top(), frontend(options), backends(options)].join('\n'),
    'zeroid-gate.lua': lua(options),
  }
}

function top(): string {
  return `# zeroid-gate before a service, by HAProxy (2.6 or later, built with Lua).
# Copy both files to /etc/haproxy/ and set the three addresses below. Then:
#   haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy
# ${dialectNote}
# Run elsewhere, HAProxy looks for zeroid-gate.lua in the folder in which it is started.
global
    lua-load zeroid-gate.lua
    # 20 KB of headers; a token may have 16 KiB.
    tune.bufsize 65536

defaults
    mode http
    option http-keep-alive
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    # WebSocket.
    timeout tunnel 1h
`
}

function frontend({ listen }: ProxyOptions): string {
  return `frontend zeroid_gate_front
    bind ${listen.host === '' ? `:${listen.port}` : authority(listen)}

    # What only the gate may say, in every spelling that a backend may take for it.
    http-request del-header '${identityHeaderPattern}' -m reg
    # What only a proxy may say of a request.
${['X-Forwarded-Uri', 'X-Forwarded-Method', ...claimedRequestHeaders].map((name) => `    http-request del-header ${name}`).join('\n')}
    http-request set-header X-Forwarded-For %[src]
    # fhdr: of a list, hdr would tell the last name only, and the backend gets them all.
    http-request set-header X-Forwarded-Host %[req.fhdr(host)]
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }
    http-request set-header X-Forwarded-Proto https if { ssl_fc }

    # The gate. Only its 200 lets a request on: an error in Lua, too, ends in the 503 below.
    http-request set-var(txn.zeroid_status) int(0)
    http-request lua.zeroid_gate
${[400, 401, 403].map(refusal).join('\n')}
    http-request return status 503 content-type application/json lf-string %[var(txn.zeroid_body)] hdr Retry-After %[var(txn.zeroid_retry)] hdr Cache-Control no-store if { var(txn.zeroid_status) -m int 503 } { var(txn.zeroid_retry) -m found }
    http-request return status 503 content-type application/json string '${unavailableBody}' hdr Retry-After 1 hdr Cache-Control no-store unless { var(txn.zeroid_status) -m int 200 }

    default_backend zeroid_backend
`
}

/** What is empty adds no header. */
function refusal(status: number): string {
  const headers = [
    'WWW-Authenticate %[var(txn.zeroid_www)]',
    'DPoP-Nonce %[var(txn.zeroid_nonce)]',
    'Cache-Control no-store',
  ]
  const fields = headers.map((header) => `hdr ${header}`).join(' ')
  return `    http-request return status ${status} content-type application/json lf-string %[var(txn.zeroid_body)] ${fields} if { var(txn.zeroid_status) -m int ${status} }`
}

function backends(options: ProxyOptions): string {
  const { gate, backend } = options
  return `# Your service.
backend zeroid_backend
    server backend ${authority(backend)}${isName(backend) ? ' init-addr last,libc,none' : ''}

# Between Lua and the gate: HAProxy's own connection pool and timeouts.
frontend zeroid_gate_bridge
    bind ${bridge(options)}
    default_backend zeroid_gate
backend zeroid_gate
    http-reuse always
    timeout connect 250ms
    # The gate itself gives up after 2 s.
    timeout server 5s
    retries 1
    # Below the 75 s after which the gate closes an idle connection.
    server gate ${dial(gate)} pool-purge-delay 60s${needsResolving(gate) ? ' init-addr last,libc,none' : ''}
`
}

function dial(gate: GateAddress): string {
  return 'path' in gate ? `unix@${gate.path}` : authority(gate)
}

function needsResolving(gate: GateAddress): boolean {
  return !('path' in gate) && isName(gate)
}

/** An abstract socket: no file, so it works from within a chroot; a name of its own on this host. */
function bridge({ listen }: ProxyOptions): string {
  return `abns@zeroid-gate-${listen.port}`
}

function lua(options: ProxyOptions): string {
  return `-- zeroid-gate: asks the gate about a request. See haproxy.cfg.

-- The same name as in haproxy.cfg.
local bridge = "${bridge(options)}"

-- The closed list: what the gate may set.
local identity = {
${identityHeaderNames.map((name) => `  "${name.toLowerCase()}",`).join('\n')}
}

-- What reaches the gate: all values of each, so that a second Authorization is seen.
local asked = {
${requestHeadersForGate.map((name) => `  "${name.toLowerCase()}",`).join('\n')}
}

local function values(list)
  local found = {}
  for i = 0, #list do
    if list[i] ~= nil then found[#found + 1] = list[i] end
  end
  return found
end

core.register_action("zeroid_gate", { "http-req" }, function(txn)
  local received = txn.http:req_get_headers()
  local headers = {
    ["host"] = { "zeroid-gate" },
    ["x-forwarded-method"] = { txn.f:method() },
    ["x-forwarded-uri"] = { txn.f:pathq() },
  }
  for _, name in ipairs({ "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto" }) do
    if received[name] ~= nil then headers[name] = values(received[name]) end
  end
  for _, name in ipairs(asked) do
    if received[name] ~= nil then headers[name] = values(received[name]) end
  end

  local answer = core.httpclient():get({
    -- A path of its own: neither the client's path nor its query is asked for.
    url = "http://127.0.0.1/ext-authz",
    dst = bridge,
    headers = headers,
  })
  if answer == nil or answer.headers == nil then return end

  local function first(name)
    local list = answer.headers[name]
    return list and (list[0] or list[1])
  end
  if answer.status == 200 then
    for _, name in ipairs(identity) do
      local value = first(name)
      if value ~= nil then txn.http:req_set_header(name, value) end
    end
  else
    txn:set_var("txn.zeroid_www", first("www-authenticate") or "")
    txn:set_var("txn.zeroid_nonce", first("dpop-nonce") or "")
    local retry = first("retry-after")
    if retry ~= nil then txn:set_var("txn.zeroid_retry", retry) end
    txn:set_var("txn.zeroid_body", ((answer.body or ""):gsub("%s+$", "")))
  end
  -- Last: until here the request stays refused.
  txn:set_var("txn.zeroid_status", answer.status)
end, 0)
`
}
