/** What can be amiss in a proxy's config, and what to do where no line of a config says it. */
export const advice = {
  backend: 'put the echo behind the proxy: zeroid-gate doctor --echo :8080',
  body: 'pass the request body to the backend, and only to it',
  'big-headers': 'raise the limits on request headers to 32 KB each',
  cache: 'cache no answer of the gate: a verdict is good for one request',
  challenge: 'pass WWW-Authenticate on with a 401',
  check: 'ask the gate about every request, before anything else answers',
  claimed: 'remove the other families of URI headers from what the gate gets',
  connection: "remove the client's Connection header before the identity headers are set",
  cookies: 'send the gate no cookies',
  copy: "set every identity header from the gate's answer",
  'fail-closed': 'let nobody pass while the gate does not answer',
  forwarded: 'tell the gate the path and method in X-Forwarded-Uri and X-Forwarded-Method',
  'gate-address': 'check the address of the gate, and the token',
  method: 'check OPTIONS like any other method',
  path: 'exempt no path from the check',
  preflight:
    'send the gate Origin and Access-Control-Request-Method, and answer no OPTIONS yourself',
  proof: 'send the DPoP header to the gate and to the backend',
  query: "ask the gate for a fixed path, without the client's query",
  'refusal-body': "hand the gate's body, or X-Zeroid-Problem, to the client",
  reuse: 'keep the connections to the gate',
  several: 'send the gate every Authorization header that came',
  strip: "remove the client's own identity headers, also those that the gate leaves out",
  'strip-spellings': 'remove the identity headers spelt with "_" and "." as well',
  'strip-trailers': 'turn no trailer into a header',
  unavailable: 'answer 503 with Retry-After while the gate cannot tell or is away',
  websocket: 'pass Upgrade and Connection to the backend',
} as const

/** What can be amiss. */
export type FixId = keyof typeof advice
