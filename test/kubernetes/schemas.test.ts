import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mesh } from '../../src/proxies/mesh.ts'
import type { Manifest, PodSpec } from './manifests.ts'
import { build, folder, only, parseManifests, readManifests } from './manifests.ts'
import {
  describeWith,
  envoyGatewayStrict,
  kubernetesModels,
  kubernetesValidate,
  kustomize,
} from './tools.ts'
import {
  isCustom,
  kubernetesVersions,
  validateBuiltIn,
  validateCustom,
  validateEnvoyGateway,
} from './validate.ts'

const tools = [kustomize, kubernetesValidate, kubernetesModels]

describeWith('the manifests', tools, () => {
  const overlays = ['overlays/nginx-sidecar', 'overlays/shared']
  describe.each(overlays)('of %s', (overlay) => {
    let manifests: Manifest[]
    beforeAll(() => {
      manifests = build(join(folder, overlay))
    })

    test.each(kubernetesVersions)('are what Kubernetes %s takes', async (version) => {
      const builtIn = manifests.filter((manifest) => !isCustom(manifest))
      expect(builtIn.length).toBeGreaterThan(5)
      expect(await validateBuiltIn(builtIn, version)).toEqual([])
    })

    test('are what the Prometheus Operator takes', async () => {
      const custom = manifests.filter(isCustom)
      expect(custom.map(({ kind }) => kind)).toEqual(['ServiceMonitor'])
      expect((await Promise.all(custom.map(validateCustom))).flat()).toEqual([])
    })
  })

  test.each([
    ['examples/traefik.yaml', ['Middleware', 'Middleware', 'IngressRoute']],
    ['examples/gateway-api.yaml', ['HTTPRoute', 'ReferenceGrant']],
  ])('of %s are what their custom resource definitions take', async (path, kinds) => {
    const manifests = readManifests(path)
    expect(manifests.map(({ kind }) => kind)).toEqual(kinds)
    expect((await Promise.all(manifests.map(validateCustom))).flat()).toEqual([])
  })

  test.each([
    ['Deployment', 'apps/v1'],
    ['StatefulSet', 'apps/v1'],
    ['DaemonSet', 'apps/v1'],
    ['Job', 'batch/v1'],
  ])('of the component put a gate before the containers of a %s', async (kind, apiVersion) => {
    const pod = podOf(buildBesideComponent(workload(apiVersion, kind, 'enabled')), kind)
    expect(pod.initContainers?.map(({ name }) => name)).toEqual(['zeroid-gate', 'migrate'])
    expect(pod.containers.map(({ name }) => name)).toEqual(['app'])
  })

  test('of the component leave a workload without the label alone', () => {
    const pod = podOf(buildBesideComponent(workload('apps/v1', 'Deployment', 'no')), 'Deployment')
    expect(pod.initContainers?.map(({ name }) => name)).toEqual(['migrate'])
  })
})

describeWith('the printed config', [...tools, envoyGatewayStrict], () => {
  const { 'istio.yaml': istio = '', 'envoy-gateway.yaml': envoyGateway = '' } = mesh()

  test('for Istio is what its custom resource definitions take', async () => {
    const manifests = parseManifests(istio)
    expect(manifests.map(({ kind }) => kind)).toEqual(['EnvoyFilter', 'AuthorizationPolicy'])
    expect((await Promise.all(manifests.map(validateCustom))).flat()).toEqual([])
  })

  test("for Envoy Gateway is of Envoy Gateway's own types", async () => {
    const manifests = parseManifests(envoyGateway)
    const kinds = manifests.map(({ kind }) => kind)
    expect(kinds).toEqual(['SecurityPolicy', 'ClientTrafficPolicy'])
    expect((await Promise.all(manifests.map(validateEnvoyGateway))).flat()).toEqual([])
  })

  test.each([
    ['"configPatches"', '"configPatch"', '/spec/configPatch is unknown'],
    ['"applyTo":"HTTP_FILTER"', '"applyTo":"FILTER"', 'allowedValues'],
  ])('for Istio is refused with %s written %s', async (from, to, problem) => {
    const broken = breakIn(parseManifests(istio)[0]!, from, to)
    expect((await validateCustom(broken)).join('\n')).toContain(problem)
  })

  test.each([
    ['"headersToBackend"', '"headersToBackends"', 'unknown field "headersToBackends"'],
    ['"failOpen":false', '"failOpen":"no"', 'cannot unmarshal string'],
    ['"SecurityPolicy"', '"SecurityPolice"', 'not of a known kind'],
  ])('for Envoy Gateway is refused with %s written %s', async (from, to, problem) => {
    const broken = breakIn(parseManifests(envoyGateway)[0]!, from, to)
    expect((await validateEnvoyGateway(broken)).join('\n')).toContain(problem)
  })
})

describeWith('the validator', tools, () => {
  const shared = (): Manifest[] => build(join(folder, 'overlays/shared'))

  test.each([
    ['a misspelt field', 'securityContext', 'securityContex', /'securityContex' was unexpected/],
    ['a word for a number', '"replicas":3', '"replicas":"three"', /is not of type 'integer'/],
    ['a field of another kind', '"minReadySeconds"', '"minAvailable"', /'minAvailable' was/],
    [
      'a container without a name',
      '"name":"zeroid-gate","ports"',
      '"ports"',
      /'name' is a required/,
    ],
  ])('refuses %s in a Deployment', async (_what, from, to, problem) => {
    const broken = breakIn(only(shared(), 'Deployment'), from, to)
    for (const version of kubernetesVersions) {
      expect((await validateBuiltIn([broken], version)).join('\n')).toMatch(problem)
    }
  })

  test('refuses a kind that it has no schema for', async () => {
    const broken = breakIn(only(shared(), 'Deployment'), '"Deployment"', '"Deploiment"')
    expect((await validateBuiltIn([broken], '1.37')).join('\n')).toMatch(/find schema for kind/)
  })

  test.each([
    ['examples/traefik.yaml', 'authResponseHeadersRegex', 'authResponseHeaderRegex', 'is unknown'],
    ['examples/traefik.yaml', '"trustForwardHeader":true', '"trustForwardHeader":"yes"', 'boolean'],
    ['examples/gateway-api.yaml', 'allowedHeaders', 'allowedHeader', 'is unknown'],
    ['examples/gateway-api.yaml', '"protocol":"HTTP"', '"protocol":"FTP"', 'allowedValues'],
    ['examples/gateway-api.yaml', '"ExternalAuth"', '"ExternalAuthn"', 'allowedValues'],
  ])('refuses in %s: %s written %s', async (path, from, to, problem) => {
    const broken = breakIn(
      readManifests(path).find((each) => JSON.stringify(each).includes(from))!,
      from,
      to,
    )
    expect((await validateCustom(broken)).join('\n')).toContain(problem)
  })

  test.each([
    ['"interval"', '"intervall"', '/spec/endpoints/0/intervall is unknown'],
    ['"15s"', '"often"', '/spec/endpoints/0/interval '],
    ['"selector"', '"selectors"', 'missingProperty'],
  ])('refuses in a ServiceMonitor: %s written %s', async (from, to, problem) => {
    const broken = breakIn(only(shared(), 'ServiceMonitor'), from, to)
    expect((await validateCustom(broken)).join('\n')).toContain(problem)
  })
})

function breakIn(manifest: Manifest, from: string, to: string): Manifest {
  const text = JSON.stringify(manifest)
  expect(text).toContain(from)
  return JSON.parse(text.replace(from, to)) as Manifest
}

function workload(apiVersion: string, kind: string, label: string): unknown {
  return {
    apiVersion,
    kind,
    metadata: { name: 'app', labels: { 'zeroid-gate': label } },
    spec: {
      template: {
        spec: {
          initContainers: [{ name: 'migrate', image: 'example.com/app' }],
          containers: [{ name: 'app', image: 'example.com/app' }],
        },
      },
    },
  }
}

function buildBesideComponent(resource: unknown): Manifest[] {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'zeroid-gate-kustomization-')))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'app.yaml'), JSON.stringify(resource))
  const kustomization = {
    resources: [relative(dir, join(folder, 'base')), 'app.yaml'],
    components: [relative(dir, join(folder, 'components/sidecar'))],
  }
  writeFileSync(join(dir, 'kustomization.yaml'), JSON.stringify(kustomization))
  return build(dir)
}

function podOf(manifests: readonly Manifest[], kind: string): PodSpec {
  return only(manifests, kind).spec.template.spec
}
