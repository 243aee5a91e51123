import { caddy } from './caddy.ts'
import { compose } from './compose.ts'
import { envoy } from './envoy.ts'
import { haproxy } from './haproxy.ts'
import { kubernetes } from './kubernetes.ts'
import { mesh } from './mesh.ts'
import { nginx } from './nginx.ts'
import type { ConfigFiles, ProxyOptions } from './options.ts'
import { traefik } from './traefik.ts'

/** What there is a config for. */
export const proxyKinds = [
  'nginx',
  'caddy',
  'traefik',
  'envoy',
  'haproxy',
  'compose',
  'kubernetes',
] as const

export type ProxyKind = (typeof proxyKinds)[number]

const generators: Readonly<Record<ProxyKind, (options: ProxyOptions) => ConfigFiles>> = {
  nginx,
  caddy,
  traefik,
  envoy: (options) => ({ ...envoy(options), ...mesh() }),
  haproxy,
  compose,
  kubernetes,
}

/** Tells a kind from any other word. */
export function isProxyKind(word: string | undefined): word is ProxyKind {
  return proxyKinds.some((kind) => kind === word)
}

/**
 * @param kind which proxy
 * @param options addresses; `compose` and `kubernetes` have their own
 * @returns file names and texts
 * @throws OptionError where the proxy cannot do what the options say
 */
export function configFor(kind: ProxyKind, options: ProxyOptions): ConfigFiles {
  return generators[kind](options)
}
