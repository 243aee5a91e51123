import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { kustomize, pathOf, root } from './tools.ts'

/** One Kubernetes object. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly data?: Readonly<Record<string, string>>
  // biome-ignore lint/suspicious/noExplicitAny: the schemas say what it is, see validate.ts
  readonly spec?: any
}

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Labels
}

export type Labels = Readonly<Record<string, string>>

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string }[]
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes?: readonly Volume[]
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly restartPolicy?: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } }
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly volumeMounts?: readonly Mount[]
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number }
}

export interface Volume {
  readonly name: string
  readonly secret?: { readonly secretName: string }
  readonly configMap?: { readonly name: string; readonly optional?: boolean }
}

export interface Mount {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
  readonly subPath?: string
}

/** Where the manifests are. */
export const folder: string = join(root, 'deploy/kubernetes')

/** @param dir of a kustomization */
export function build(dir: string): Manifest[] {
  const output = execFileSync(pathOf(kustomize), ['build', dir], { encoding: 'utf8' })
  return parseManifests(output)
}

/** @param path of a file below {@link folder} */
export function readManifests(path: string): Manifest[] {
  return parseManifests(readFileSync(join(folder, path), 'utf8'))
}

/** @param text YAML, one object or more */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Manifest
  })
}

/** @returns the only object of a kind, or of a kind and name */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter(
    (manifest) => manifest.kind === kind && (name ?? manifest.metadata.name) === nameOf(manifest),
  )
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`)
  return found[0]!
}

/** The name without the hash of its content. */
export function nameOf({ kind, metadata: { name } }: Manifest): string {
  return kind === 'ConfigMap' ? name.replace(/-[a-z0-9]{10}$/, '') : name
}

/** @returns the pod of the only workload */
export function podOf(manifests: readonly Manifest[]): PodSpec {
  return workloadOf(manifests).spec.template.spec
}

/** @returns the only workload */
export function workloadOf(manifests: readonly Manifest[]): Manifest {
  const workloads = manifests.filter(({ spec }) => spec?.template?.spec?.containers !== undefined)
  if (workloads.length !== 1) throw new Error(`${workloads.length} workloads`)
  return workloads[0]!
}

/** Every container of a pod, init containers first. */
export function containersOf(pod: PodSpec): Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers]
}

/** @returns the gate in a pod */
export function gateOf(pod: PodSpec): Container {
  const gate = containersOf(pod).find(({ name }) => name === 'zeroid-gate')
  if (gate === undefined) throw new Error('no gate')
  return gate
}

/** The environment in which the gate starts. */
export function environmentOf(manifests: readonly Manifest[]): Record<string, string> {
  const gate = gateOf(podOf(manifests))
  const maps = (gate.envFrom ?? []).map(({ configMapRef }) =>
    manifests.find(({ metadata }) => metadata.name === configMapRef?.name),
  )
  const pairs = (gate.env ?? []).map(({ name, value }) => [name, value ?? ''])
  return Object.assign({}, ...maps.map((map) => map?.data), Object.fromEntries(pairs))
}
