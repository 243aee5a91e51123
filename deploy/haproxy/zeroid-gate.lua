-- zeroid-gate: asks the gate about a request. See haproxy.cfg.

-- The same name as in haproxy.cfg.
local bridge = "abns@zeroid-gate-8000"

-- The closed list: what the gate may set.
local identity = {
  "x-forwarded-user",
  "x-zeroid-identity-type",
  "x-zeroid-trust-level",
  "x-zeroid-account-id",
  "x-zeroid-project-id",
  "x-zeroid-external-id",
  "x-zeroid-act-sub",
  "x-zeroid-scopes",
  "x-zeroid-actor",
  "x-zeroid-delegation-depth",
  "x-zeroid-mission-id",
  "x-zeroid-token-id",
  "x-zeroid-owner",
  "x-zeroid-proof",
}

-- What reaches the gate: all values of each, so that a second Authorization is seen.
local asked = {
  "authorization",
  "dpop",
  "sec-websocket-protocol",
  "origin",
  "access-control-request-method",
  "traceparent",
  "tracestate",
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
