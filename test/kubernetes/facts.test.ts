import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startSidecar } from '../../src/commands/serve.ts'
import { settingsTable } from '../../src/config/table.ts'
import { readSettings } from '../../src/config.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Container, Labels, Manifest, PodSpec } from './manifests.ts'
import {
  build,
  containersOf,
  environmentOf,
  folder,
  gateOf,
  nameOf,
  only,
  podOf,
  workloadOf,
} from './manifests.ts'
import { describeWith, kustomize, root } from './tools.ts'

/** Seconds that the gate takes at most to finish what is under way. */
const closing = 8

describeWith('both overlays', [kustomize], () => {
  describe.each(['nginx-sidecar', 'shared'])('%s', (overlay) => {
    let manifests: Manifest[]
    let pod: PodSpec
    let gate: Container
    beforeAll(() => {
      manifests = build(join(folder, 'overlays', overlay))
      pod = podOf(manifests)
      gate = gateOf(pod)
    })

    const settings = (): ReturnType<typeof readSettings> =>
      readSettings(environmentOf(manifests), () => 'secret')

    test('the gate accepts the settings, and each is in its table', () => {
      const known = settingsTable.flatMap(({ env, secret }) => [
        env,
        ...(secret ? [`${env}_FILE`] : []),
      ])
      expect(known).toEqual(expect.arrayContaining(Object.keys(environmentOf(manifests))))
      expect(settings()).toMatchObject({
        url: 'http://zeroid.zeroid.svc.cluster.local:8899',
        audience: ['https://api.example.com'],
        mode: 'hybrid',
        onUnknown: 'deny',
      })
    })

    test('the names of settings in comments are in the table too', () => {
      const known = settingsTable.flatMap(({ env }) => [env, `${env}_FILE`])
      const files = ['base/settings.env', `overlays/${overlay}/kustomization.yaml`]
      const text = files.map((path) => readFileSync(join(folder, path), 'utf8')).join('\n')
      expect(known).toEqual(expect.arrayContaining(text.match(/\b(GATE|ZEROID)_[A-Z_]+\b/g) ?? []))
    })

    test('every probe asks the admin port, none the door', async () => {
      const { listen, adminListen } = settings()
      if ('path' in listen || 'path' in adminListen) throw new Error('not a port')
      expect(adminListen).toEqual({ host: '0.0.0.0', port: 8901 })
      const probes = [gate.startupProbe, gate.readinessProbe, gate.livenessProbe].filter(
        (probe) => probe !== undefined,
      )
      expect(probes.length).toBeGreaterThanOrEqual(2)
      for (const { httpGet } of probes) {
        expect(portOf(gate, httpGet?.port)).toBe(adminListen.port)
        expect(httpGet?.port).not.toBe(listen.port)
      }
      expect(gate.readinessProbe?.httpGet?.path).toBe('/ready')
      // Liveness that depended on ZeroID would kill every gate while ZeroID is away.
      expect(gate.livenessProbe?.httpGet?.path).toBe('/health')
    })

    test('a gate with these settings answers the probes on the admin port alone', async () => {
      const zeroid = await startEmulator()
      onTestFinished(() => zeroid.close())
      const free = { host: '127.0.0.1', port: 0 }
      const local = {
        url: zeroid.url,
        listen: free,
        adminListen: free,
        logLevel: 'silent',
      } as const
      const { apiKey: _key, clientId: _id, clientSecret: _secret, ...given } = settings()
      const sidecar = await startSidecar({ ...given, ...local })
      onTestFinished(() => sidecar.close())
      await sidecar.gate.started
      for (const probe of [gate.startupProbe, gate.readinessProbe, gate.livenessProbe]) {
        if (probe === undefined) continue
        const path = probe.httpGet?.path
        expect((await fetch(`${sidecar.adminUrl}${path}`)).status).toBe(200)
        expect((await fetch(`${sidecar.url}${path}`)).status).toBe(404)
      }
      const monitor = only(manifests, 'ServiceMonitor')
      expect((await fetch(`${sidecar.adminUrl}${monitor.spec.endpoints[0].path}`)).status).toBe(200)
    })

    test('secrets come from files that the gate alone mounts, read-only', () => {
      const secrets = settingsTable.filter(({ secret }) => secret).map(({ env }) => env)
      const environment = environmentOf(manifests)
      expect(Object.keys(environment).filter((name) => secrets.includes(name))).toEqual([])
      const files = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'))
      expect(files.map(([name]) => name).sort()).toEqual([
        'ZEROID_API_KEY_FILE',
        'ZEROID_CLIENT_SECRET_FILE',
      ])

      const volume = pod.volumes?.find(({ secret }) => secret !== undefined)
      expect(volume?.secret?.secretName).toBe('zeroid-gate-credentials')
      const mounts = containersOf(pod).flatMap(({ name, volumeMounts = [] }) =>
        volumeMounts.filter((mount) => mount.name === volume?.name).map((mount) => [name, mount]),
      )
      const mountPath = '/run/secrets/zeroid-gate'
      expect(mounts).toEqual([['zeroid-gate', { name: volume?.name, mountPath, readOnly: true }]])
      for (const [, path] of files) expect(path).toMatch(/^\/run\/secrets\/zeroid-gate\/[a-z-]+$/)

      expect(manifests.map(({ kind }) => kind)).not.toContain('Secret')
      expect(JSON.stringify(manifests)).not.toMatch(/secretKeyRef|secretRef/)
    })

    test('rules come from a ConfigMap that may be missing, as a folder of the gate alone', () => {
      const name = 'zeroid-gate-policy'
      const volume = pod.volumes?.find((each) => each.name === name)
      expect(volume).toEqual({ name, configMap: { name, optional: true } })
      const mounts = containersOf(pod).flatMap(({ name: container, volumeMounts = [] }) =>
        volumeMounts.filter((mount) => mount.name === name).map((mount) => [container, mount]),
      )
      // With a subPath the kubelet would never bring a changed file.
      expect(mounts).toEqual([
        ['zeroid-gate', { name, mountPath: '/etc/zeroid-gate', readOnly: true }],
      ])

      expect(settings().policyFile).toBeUndefined()
      const text = readFileSync(join(folder, 'base/settings.env'), 'utf8')
      const [, line = ''] = /^# (GATE_POLICY_FILE=.*)$/m.exec(text) ?? []
      expect(line).toBe('GATE_POLICY_FILE=/etc/zeroid-gate/policy.yaml')
    })

    test('every container runs without rights', () => {
      for (const { name, securityContext } of containersOf(pod)) {
        expect(securityContext, name).toEqual({
          runAsNonRoot: true,
          runAsUser: expect.any(Number),
          runAsGroup: expect.any(Number),
          allowPrivilegeEscalation: false,
          privileged: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        })
        expect(securityContext?.runAsUser, name).toBeGreaterThan(0)
      }
      expect(pod.automountServiceAccountToken).toBe(false)
      expect(JSON.stringify(pod)).not.toMatch(/"host(Network|PID|IPC|Path|Port)"/)
    })

    test('every container has requests, and a limit of memory', () => {
      for (const container of containersOf(pod)) {
        expect(container, container.name).toMatchObject({
          resources: {
            requests: { cpu: expect.any(String), memory: expect.any(String) },
            limits: { memory: expect.any(String) },
          },
        })
      }
    })

    test("the gate runs as the image's user, in the version of this package", () => {
      const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
      const [, user, group] = /^USER (\d+):(\d+)$/m.exec(dockerfile) ?? []
      expect(gate.securityContext).toMatchObject({
        runAsUser: Number(user),
        runAsGroup: Number(group),
      })
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
      expect(gate.image).toBe(`zeroid-gate:${version}`)
    })

    test('the gate is given time to finish', () => {
      const delay = gate.lifecycle?.preStop?.sleep?.seconds ?? 0
      expect(delay).toBeGreaterThanOrEqual(15)
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(delay + closing)
    })

    test('nothing leaves but to ZeroID and for DNS', () => {
      const { spec } = only(manifests, 'NetworkPolicy', 'zeroid-gate')
      expect(spec.policyTypes).toEqual(['Ingress', 'Egress'])
      const egress = manifests
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .flatMap((policy) => policy.spec.egress ?? [])
      expect(egress.map(({ ports }) => ports)).toEqual([
        [{ protocol: 'TCP', port: Number(new URL(settings().url).port) }],
        [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      ])
      // A peer without a selector would be everybody.
      for (const { to } of egress) {
        expect(to).toEqual([
          { namespaceSelector: expect.any(Object), podSelector: expect.any(Object) },
        ])
      }
    })

    test('only the proxy enters, and Prometheus by the admin port', () => {
      const rules = manifests
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .flatMap((policy) => policy.spec.ingress ?? [])
        .map(({ from, ports }) => [
          from.map(
            (peer: { namespaceSelector: { matchLabels: Labels } }) =>
              peer.namespaceSelector.matchLabels['kubernetes.io/metadata.name'],
          ),
          ports.map(({ port }: { port: number }) => port),
        ])
      const entrance = overlay === 'shared' ? 8900 : 8000
      expect(new Map(rules.map(([from, ports]) => [String(from), ports]))).toEqual(
        new Map([
          ['ingress', [entrance]],
          ['monitoring', [8901]],
        ]),
      )
    })

    test('every selector finds the pods', () => {
      const { labels = {} } = workloadOf(manifests).spec.template.metadata
      const selectors = manifests.flatMap(selectorsOf)
      expect(selectors.length).toBeGreaterThanOrEqual(4)
      for (const selector of selectors) expect(labels).toMatchObject(selector)
    })

    test("Prometheus finds the gate's admin port, also while the gate is not ready", () => {
      const { spec } = only(manifests, 'ServiceMonitor')
      const service = only(manifests, 'Service', 'zeroid-gate-metrics')
      expect(service.metadata.labels).toMatchObject(spec.selector.matchLabels)
      expect(service.spec.publishNotReadyAddresses).toBe(true)
      const [port] = service.spec.ports
      expect(spec.endpoints).toMatchObject([{ port: port.name, path: '/metrics' }])
      expect(portOf(gate, port.targetPort)).toBe(8901)
      const scraped = manifests.filter(
        ({ kind, metadata }) =>
          kind === 'Service' &&
          Object.entries(spec.selector.matchLabels).every(
            ([key, value]) => metadata.labels?.[key] === value,
          ),
      )
      expect(scraped.map(nameOf)).toEqual(['zeroid-gate-metrics'])
    })

    test('new settings have a new name, so that the gates start anew', () => {
      const names = gate.envFrom?.map(({ configMapRef }) => configMapRef?.name)
      expect(names).toEqual([expect.stringMatching(/^zeroid-gate-settings-[a-z0-9]{10}$/)])
      expect(manifests.map(({ metadata }) => metadata.name)).toContain(names?.[0])
    })
  })

  test('both run the same gate, but for its settings, its startup and its end', () => {
    const [sidecar, shared] = ['nginx-sidecar', 'shared'].map((overlay) =>
      gateOf(podOf(build(join(folder, 'overlays', overlay)))),
    )
    const same = ({
      env,
      envFrom,
      ports,
      startupProbe,
      restartPolicy,
      lifecycle,
      ...rest
    }: Container) => rest
    expect(same(sidecar!)).toEqual(same(shared!))
  })
})

function portOf({ ports = [] }: Container, port: string | number | undefined): number | undefined {
  return typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort
}

/** What a Service, a policy, a budget or a workload says of the labels of its pods. */
function selectorsOf({ kind, spec }: Manifest): Labels[] {
  if (kind === 'Service') return [spec.selector]
  if (kind === 'NetworkPolicy') return [spec.podSelector.matchLabels]
  if (kind === 'PodDisruptionBudget' || kind === 'Deployment') return [spec.selector.matchLabels]
  return []
}
