import { readFileSync } from 'node:fs'
import type { Setting } from '../config/table.ts'
import { settingsTable } from '../config/table.ts'

/** @returns what `zeroid-gate` prints without a command */
export function overview(): string {
  return `zeroid-gate: decides for each request whether a ZeroID agent may still pass

  zeroid-gate serve         the sidecar: gate and admin server
  zeroid-gate dev           an in-memory ZeroID and a gate, to try things out
  zeroid-gate demo          a scene: tokens, delegation, revocation, latencies
  zeroid-gate explain       every check on one token, from standard input or a file
  zeroid-gate policy        checks rules, and tries them on a table of requests
  zeroid-gate config        prints the config of a proxy: nginx, Caddy, Traefik, Envoy, HAProxy
  zeroid-gate doctor        attacks a proxy and names the lines that it lacks
  zeroid-gate healthcheck   0 where the gate of this container is ready

  zeroid-gate COMMAND --help
  zeroid-gate --version`
}

/**
 * @param command its name
 * @returns what `COMMAND --help` prints; undefined where there is no such command
 */
export function helpOf(command: string | undefined): string | undefined {
  if (command === 'serve') return serveHelp()
  return command !== undefined && Object.hasOwn(helps, command) ? helps[command] : undefined
}

/** @returns the version of this package */
export function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

const helps: Readonly<Record<string, string>> = {
  dev: `zeroid-gate dev: an in-memory ZeroID and a gate, until Ctrl-C

Prints their addresses, a throw-away token and curl lines to paste.

  --port PORT         the in-memory ZeroID (8899)
  --gate-port PORT    the gate (8900)
  --admin-port PORT   health, ready and metrics (8901)

Port 0 takes any free one. Exit code: 0 stopped, 1 failed.`,

  demo: `zeroid-gate demo: plays a scene against an in-memory ZeroID

Tokens, delegation, refusals, a critical signal, a plain revocation and a table of
latencies, on free ports. Takes a few seconds.

Exit code: 0 where every step did what it says, else 1.`,

  policy: `zeroid-gate policy check FILE: what is wrong with a policy, with line and column

  --dialect DIALECT   how the proxy tells what a request was (GATE_DIALECT, else forwarded): names
                      rules that it cannot feed. Warnings change no exit code

zeroid-gate policy test FILE CASES: tries a policy on a table of requests, in YAML

  - name: a reader may not write          # optional
    request: { method: POST, url: https://api.example.com/orders }
                                          # or scheme, host, path: what is left out nobody told;
                                          # preflight: POST, the method that a browser asks for
    identity: { scopes: [data:read] }     # left out: no token. Also trust, identity_type, sub_type,
                                          # tenant, subject, delegation_depth, actors, audience,
                                          # tools, bound, proof
    expect: insufficient_scope            # allow, anonymous, preflight, a status, a code or reason
    scopes: [data:write]                  # optional: what the refusal names
    route: orders                         # optional: which route decided

zeroid-gate policy schema: the JSON Schema of a policy, for editors

Exit code: 0 nothing wrong, 1 something is, 64 wrong command line or no such file.`,

  explain: `zeroid-gate explain [FILE]: every check on one token, and the verdict

Reads the token from FILE, or from standard input; "Bearer " or "DPoP " may stand before it.
Settings come from the environment as for serve. No part of the token is printed.

  --url URL           with the rules of GATE_POLICY_FILE: which route decides on this request,
                      and why the routes before it did not match
  --method METHOD     of that request (GET)
  --preflight METHOD  it is a CORS preflight: OPTIONS with Origin, asking for that method

  zeroid-gate explain < token.txt

Exit code: 0 allowed, 1 denied, 2 unknown, 64 no token given, 78 settings wrong.`,

  config: `zeroid-gate config PROXY: a complete config with the gate before a service

PROXY is nginx, caddy, traefik, envoy, haproxy, compose (all together, for trying out), or
kubernetes (a kustomize base with overlays; write it with --out).

  --gate URL         the gate: http://host:port or unix:/path (http://127.0.0.1:8900)
  --backend URL      the service: http://host:port (http://127.0.0.1:8080)
  --listen ADDRESS   where the proxy listens: port, :port or host:port (:8000)
  --out DIR          writes the files there instead of printing them

Exit code: 0 done, 1 a file cannot be written, 64 no such proxy or flag.`,

  doctor: `zeroid-gate doctor URL: attacks a proxy and names the lines that it lacks

Behind the proxy must stand the echo, in the service's place. With --gate the doctor also stands
in the gate's place for a moment, sees what reaches it, and needs no token.

  --echo ADDRESS      answers with what it got; alone, without URL: until Ctrl-C
  --gate ADDRESS      where the proxy looks for the gate: host:port or unix:/path
  --token-file FILE   a token that the gate lets in; not needed with --gate
  --proxy PROXY       whose lines to print; default: by the Server header
  --json              the results as JSON

  zeroid-gate doctor http://127.0.0.1:8000 --echo :8080 --gate :8900

Exit code: 0 nothing amiss, 1 something to fix, 64 wrong command line.`,

  healthcheck: `zeroid-gate healthcheck: asks /ready at GATE_ADMIN_LISTEN and prints the answer

Settings come from the environment as for serve.

Exit code: 0 ready, 1 not ready or not reachable, 78 settings wrong.`,
}

function serveHelp(): string {
  const rows = settingsTable.map((setting) => {
    const fallback = setting.required ? 'required' : (setting.fallback ?? 'unset')
    const file = setting.secret ? ` Or a file: ${setting.env}_FILE.` : ''
    return `  ${setting.env} (${fallback})\n      ${plain(setting.help)}${file}`
  })
  return `zeroid-gate serve: the sidecar, until SIGTERM or SIGINT

Requests under way are answered before it ends; a second signal ends it at once.
Exit code: 0 stopped, 1 failed, 78 settings wrong. Settings come from the environment:

${rows.join('\n')}`
}

/** @returns the README's table of settings, in Markdown */
export function settingsMarkdown(): string {
  const rows = settingsTable.map(
    (setting) =>
      `| \`${setting.env}\` | ${fallbackOf(setting)} | ${setting.help}${setting.secret ? ` Or \`${setting.env}_FILE\`.` : ''} |`,
  )
  return ['| name | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

function fallbackOf(setting: Setting): string {
  if (setting.required) return 'required'
  return setting.fallback === undefined ? 'none' : `\`${setting.fallback}\``
}

function plain(help: string): string {
  return help.replaceAll('`', '')
}
