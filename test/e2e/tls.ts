import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { ConfigFiles } from '../../src/proxies/options.ts'

/** How each config listens, and the same with TLS. The files stand in the folder it is started in. */
const listeners: readonly (readonly [from: RegExp, to: string])[] = [
  // nginx
  [/( {4}listen \S+);/, '$1 ssl;\n    ssl_certificate cert.pem;\n    ssl_certificate_key key.pem;'],
  // Caddy
  [/^(:\d+ \{\n)/m, '$1\ttls cert.pem key.pem\n'],
  // HAProxy
  [/( {4}bind 127\S+)/, '$1 ssl crt both.pem'],
  // Envoy
  [
    /( {8}- )(filters:\n)/,
    `$1transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: { filename: cert.pem }
                    private_key: { filename: key.pem }
          $2`,
  ],
]

/** A config as shipped, but that it listens with TLS, under a certificate made for the purpose. */
export function withTls(files: ConfigFiles): ConfigFiles {
  const changed = Object.entries(files).map(([name, text]) => [
    name,
    listeners.reduce((before, [from, to]) => before.replace(from, to), text),
  ])
  const texts: ConfigFiles = Object.fromEntries(changed)
  if (
    !Object.values(texts).some((text) => text.includes('cert.pem') || text.includes('both.pem'))
  ) {
    throw new Error('no listener found')
  }
  return { ...texts, ...certificate() }
}

function certificate(): ConfigFiles {
  const dir = mkdtempSync(join(tmpdir(), 'zeroid-gate-tls-'))
  try {
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert],
      ],
      { stdio: 'pipe' },
    )
    const texts = { 'key.pem': readFileSync(key, 'utf8'), 'cert.pem': readFileSync(cert, 'utf8') }
    return { ...texts, 'both.pem': texts['cert.pem'] + texts['key.pem'] }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Carries plain bytes into TLS. */
export interface Tunnel {
  /** `http://host:port` for whoever speaks no TLS. */
  readonly url: string
  close(): void
}

/**
 * Listens for plain connections and hands each on over TLS. The server may have any certificate.
 *
 * @param url of the TLS server, `http://host:port`
 */
export async function startTunnel(url: string): Promise<Tunnel> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((plain) => {
    const secure = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
    for (const socket of [plain, secure]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    plain.pipe(secure).pipe(plain)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
