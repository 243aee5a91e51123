import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from './manifests.ts'
import { envoyGatewayStrict, kubernetesModels, kubernetesValidate, pathOf } from './tools.ts'

/** The oldest Kubernetes that the manifests are for, and the newest whose schemas are at hand. */
export const kubernetesVersions = ['1.30', '1.37'] as const

/**
 * Validates against Kubernetes' own JSON schemas, unknown fields refused. Takes no custom resource.
 *
 * @param manifests objects of Kubernetes' own kinds
 * @param version of Kubernetes, such as `1.30`
 * @returns what is wrong; empty where nothing is
 */
export async function validateBuiltIn(
  manifests: readonly Manifest[],
  version: string,
): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'zeroid-gate-manifests-'))
  try {
    const files = manifests.map((manifest, index) => {
      const path = join(dir, `${index}-${manifest.kind}.json`)
      writeFileSync(path, JSON.stringify(manifest))
      return path
    })
    const { code, output } = await run(pathOf(kubernetesValidate), [
      ...['--strict', '--quiet', '-k', version],
      ...files,
    ])
    // It only warns of a kind that it does not know, and would pass over it.
    const lines = output.split('\n').filter((line) => line !== '')
    return code === 0 ? lines : [...lines, `exit code ${code}`]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function run(file: string, args: string[], input = ''): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(file, args, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1)
      resolve({ code, output: `${stdout}${stderr}` })
    })
    child.stdin?.end(input)
  })
}

interface ModelPackage {
  readonly name: string
  /** What a schema's file name begins with, before version and kind. */
  readonly prefix: string
}

const customGroups: Readonly<Record<string, ModelPackage>> = {
  'gateway.networking.k8s.io': { name: 'gateway-api', prefix: 'IoK8sSigsGatewayApiApis' },
  'monitoring.coreos.com': {
    name: 'prometheus-operator',
    prefix: 'ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoring',
  },
  'networking.istio.io': { name: 'istio', prefix: 'NetworkingIstioIo' },
  'security.istio.io': { name: 'istio', prefix: 'SecurityIstioIo' },
  'traefik.io': {
    name: 'traefik',
    prefix: 'ComGithubTraefikTraefikV3PkgProviderKubernetesCrdTraefikio',
  },
}

interface SchemaProblem {
  readonly instancePath: string
  readonly keyword: string
  readonly params: unknown
}

interface ModelSchema {
  readonly validate: ((data: unknown) => boolean) & { errors?: readonly SchemaProblem[] | null }
}

/** Whether the object is of a custom resource. */
export function isCustom({ apiVersion }: Manifest): boolean {
  return apiVersion.split('/')[0]! in customGroups
}

/**
 * Validates a custom resource against the schema of its definition, unknown fields refused.
 *
 * @param manifest of a kind that {@link isCustom}
 * @returns what is wrong; empty where nothing is
 */
export async function validateCustom(manifest: Manifest): Promise<string[]> {
  const [group = '', version = ''] = manifest.apiVersion.split('/')
  const { name, prefix } = customGroups[group]!
  const file = `${prefix}${version.replace(/^v/, 'V')}${manifest.kind}.js`
  const path = join(pathOf(kubernetesModels), '@kubernetes-models', name, '_schemas', file)
  const { validate } = (await import(path)) as ModelSchema
  const asked = new Set<string>()
  validate(watched(manifest, '', asked))
  const problems = (validate.errors ?? []).filter((problem) => !isExternalAuth(problem, manifest))
  return [
    ...problems.map((problem) => `${problem.instancePath} ${JSON.stringify(problem.params)}`),
    // The schemas say nothing against further fields; but they ask for those that they know.
    ...unasked(manifest, '', asked).map((field) => `${field} is unknown`),
  ]
}

/**
 * The package has the fields of Gateway API's experimental channel, and the filter types of the
 * standard one, which knows the field but not the type `ExternalAuth`.
 */
function isExternalAuth({ instancePath, keyword }: SchemaProblem, manifest: Manifest): boolean {
  const [, rule, filter] = /^\/spec\/rules\/(\d+)\/filters\/(\d+)\/type$/.exec(instancePath) ?? []
  if (keyword !== 'enum' || manifest.kind !== 'HTTPRoute' || rule === undefined) return false
  const given = manifest.spec.rules[Number(rule)].filters[Number(filter)]
  return given.type === 'ExternalAuth' && given.externalAuth !== undefined
}

/** The same value, which remembers the path of each property that is read. */
function watched(value: unknown, path: string, asked: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  return new Proxy(value, {
    get(target, key, receiver) {
      const below = `${path}/${String(key)}`
      if (typeof key === 'string') asked.add(below)
      return watched(Reflect.get(target, key, receiver), below, asked)
    },
  })
}

/** The fields that a schema did not ask for; where it asked for none, all are free. */
function unasked(value: unknown, path: string, asked: ReadonlySet<string>): string[] {
  if (typeof value !== 'object' || value === null) return []
  const free = ![...asked].some((field) => field.startsWith(`${path}/`))
  if (free) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = `${path}/${key}`
    return asked.has(below) ? unasked(inner, below, asked) : [below]
  })
}

/**
 * Decodes an object of Envoy Gateway into Envoy Gateway's own types.
 *
 * @param manifest of the group `gateway.envoyproxy.io`
 * @returns what is wrong; empty where nothing is
 */
export async function validateEnvoyGateway(manifest: Manifest): Promise<string[]> {
  const { code, output } = await run(pathOf(envoyGatewayStrict), [], JSON.stringify(manifest))
  return code === 0 ? [] : [output.trim()]
}
