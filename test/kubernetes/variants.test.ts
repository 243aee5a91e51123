import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readSettings } from '../../src/config.ts'
import { identityHeaderNames } from '../../src/http/identity-headers.ts'
import { identityHeaderPattern, requestHeadersForGate } from '../../src/proxies/headers.ts'
import { nginx } from '../../src/proxies/nginx.ts'
import { defaultOptions } from '../../src/proxies/options.ts'
import { traefik } from '../../src/proxies/traefik.ts'
import { openDoor } from '../helpers/stack.ts'
import type { Container, Manifest } from './manifests.ts'
import {
  build,
  environmentOf,
  folder,
  gateOf,
  nameOf,
  only,
  podOf,
  readManifests,
  workloadOf,
} from './manifests.ts'
import { describeWith, kustomize } from './tools.ts'

const manifestsOf = (overlay: string): Manifest[] => build(join(folder, 'overlays', overlay))
const [unclaimed, gateMiddleware, ingressRoute] = readManifests('examples/traefik.yaml')
const { forwardAuth } = gateMiddleware!.spec
const delayOf = (container: Container | undefined): number =>
  container?.lifecycle?.preStop?.sleep?.seconds ?? 0

describeWith('the sidecar beside nginx', [kustomize], () => {
  const manifests = manifestsOf('nginx-sidecar')
  const pod = podOf(manifests)
  const gate = gateOf(pod)
  const container = (name: string): Container | undefined =>
    pod.containers.find((each) => each.name === name)

  test('is a native sidecar, first of all, which the others wait for', () => {
    expect(pod.initContainers?.[0]).toBe(gate)
    expect(gate.restartPolicy).toBe('Always')
    // Without it the others would start as soon as the gate's process does.
    expect(gate.startupProbe?.httpGet).toEqual({ path: '/ready', port: 'gate-admin' })
  })

  test('has its door on loopback, where nginx in the same pod asks', () => {
    const { listen } = readSettings(environmentOf(manifests), () => 'secret')
    expect(listen).toEqual({ host: '127.0.0.1', port: 8900 })
    expect(listen).toEqual(defaultOptions.gate)
    expect(gate.ports).toEqual([{ name: 'gate-admin', containerPort: 8901 }])
  })

  test('nginx has the very config that is printed, and reads no other', () => {
    const map = manifests.find((manifest) => nameOf(manifest) === 'zeroid-gate-nginx')
    expect(map?.data).toEqual(nginx(defaultOptions))
    const mounts = container('nginx')?.volumeMounts
    expect(mounts?.find(({ name }) => name === 'zeroid-gate-nginx')).toEqual({
      name: 'zeroid-gate-nginx',
      mountPath: '/etc/nginx/conf.d',
      readOnly: true,
    })
  })

  test('requests enter by nginx', () => {
    expect(container('nginx')?.ports).toEqual([
      { name: 'http', containerPort: defaultOptions.listen.port },
    ])
    const { spec } = only(manifests, 'Service', 'app')
    expect(spec.ports).toMatchObject([{ targetPort: 'http' }])
    expect(container('app')?.ports).toBeUndefined()
  })

  test('nginx stops first, then the app, then the gate', () => {
    const delays = [container('nginx'), container('app'), gate].map(delayOf)
    expect(delays).toEqual(delays.toSorted((a, b) => a - b))
    expect(new Set(delays).size).toBe(3)
    expect(delays[0]).toBeGreaterThanOrEqual(5)
  })
})

describeWith('the shared Deployment', [kustomize], () => {
  const manifests = manifestsOf('shared')
  const { metadata, spec } = workloadOf(manifests)
  const pod = podOf(manifests)

  test('keeps answering while a machine is emptied or a version rolled out', () => {
    expect(spec.replicas).toBeGreaterThanOrEqual(2)
    expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 })
    const budget = only(manifests, 'PodDisruptionBudget')
    expect(budget.spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    })
    expect(pod.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey)).toEqual([
      'kubernetes.io/hostname',
      'topology.kubernetes.io/zone',
    ])
  })

  test('has no startupProbe: a ZeroID that is away never restarts it', () => {
    expect(gateOf(pod).startupProbe).toBeUndefined()
  })

  test('its Service leads to the door', () => {
    const { listen } = readSettings(environmentOf(manifests), () => 'secret')
    expect(listen).toEqual({ host: '0.0.0.0', port: 8900 })
    const [port] = only(manifests, 'Service', 'zeroid-gate').spec.ports
    expect(port).toMatchObject({ port: 8900, targetPort: 'gate-door' })
    expect(gateOf(pod).ports).toContainEqual({ name: 'gate-door', containerPort: 8900 })
  })

  test('names every identity header, so that a copy of them overwrites the client’s', () => {
    const { emptyHeaders } = readSettings(environmentOf(manifests), () => 'secret')
    expect(emptyHeaders).toBe(true)
  })

  test('has a namespace of its own, held to the restricted profile', () => {
    expect(only(manifests, 'Namespace').metadata.labels).toEqual({
      'pod-security.kubernetes.io/enforce': 'restricted',
    })
    for (const manifest of manifests) {
      if (manifest.kind === 'Namespace') continue
      expect(manifest.metadata.namespace, nameOf(manifest)).toBe('zeroid-gate')
    }
    expect(metadata.namespace).toBe(only(manifests, 'Namespace').metadata.name)
  })

  test('is what the examples ask', () => {
    const { metadata: named, spec: service } = only(manifests, 'Service', 'zeroid-gate')
    const [{ port }] = service.ports
    const host = `${named.name}.${named.namespace}.svc.cluster.local`
    expect(forwardAuth.address).toBe(`http://${host}:${port}/ext-authz`)

    const [route, grant] = readManifests('examples/gateway-api.yaml')
    const { name, namespace } = named
    const [{ externalAuth }] = route!.spec.rules[0].filters
    expect(externalAuth.backendRef).toEqual({ name, namespace, port })
    expect(externalAuth.http.path).toBe('/ext-authz')
    expect(grant!.metadata.namespace).toBe(namespace)
    expect(grant!.spec).toMatchObject({
      from: [{ kind: 'HTTPRoute', namespace: route!.metadata.namespace }],
      to: [{ kind: 'Service', name }],
    })
  })
})

describe('the examples', () => {
  const [{ externalAuth }] = readManifests('examples/gateway-api.yaml')[0]!.spec.rules[0].filters

  test("Traefik's middlewares are those that are printed, in their order", () => {
    const { http } = parse(traefik(defaultOptions)['dynamic.yml']!)
    const { address, ...printed } = http.middlewares['zeroid-gate'].forwardAuth
    expect(forwardAuth).toEqual({ ...printed, address: expect.any(String) })
    expect(unclaimed!.spec).toEqual(http.middlewares['zeroid-unclaimed'])
    const [route] = ingressRoute!.spec.routes
    expect(route.middlewares.map(({ name }: { name: string }) => name)).toEqual(
      http.routers.backend.middlewares,
    )
    expect([unclaimed, gateMiddleware].map((each) => each?.metadata.name)).toEqual(
      http.routers.backend.middlewares,
    )
  })

  test('Traefik deletes the closed list in every spelling, before it copies', () => {
    expect(forwardAuth.authResponseHeadersRegex).toBe(`(?i)${identityHeaderPattern}`)
  })

  test('Traefik and Gateway API send the gate what it reads, and nothing else', () => {
    expect(forwardAuth.authRequestHeaders).toEqual(requestHeadersForGate)
    // Authorization, Host, method and path are always sent; the scheme is the gateway's own word.
    expect(['Authorization', ...externalAuth.http.allowedHeaders]).toEqual([
      ...requestHeadersForGate,
      'X-Forwarded-Proto',
    ])
    expect(externalAuth.forwardBody ?? forwardAuth.forwardBody).toBeUndefined()
  })

  test('Gateway API copies the closed list', () => {
    expect(externalAuth.http.allowedResponseHeaders).toEqual(identityHeaderNames)
  })

  test('the gate’s door answers where they ask, with a body for the client', async () => {
    // Nobody is there: without a token that does not matter.
    const { url } = await openDoor({ url: 'http://127.0.0.1:9' })
    const traefik = await fetch(`${url}${new URL(forwardAuth.address).pathname}`, {
      headers: { 'x-forwarded-uri': '/orders', 'x-forwarded-method': 'GET' },
    })
    const gateway = await fetch(`${url}${externalAuth.http.path}/orders`, { method: 'POST' })
    for (const answer of [traefik, gateway]) {
      expect(answer.status).toBe(401)
      expect(await answer.json()).toEqual({ error: 'missing_token' })
    }
  })
})

describe('the README', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')

  test('names only files that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target!)
    expect(links.length).toBeGreaterThan(3)
    for (const link of links) expect(() => readFileSync(join(folder, link)), link).not.toThrow()
  })
})
