import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ConfigFiles } from './options.ts'

/** Beside `src/` in a checkout and beside `dist/` in the package. */
const folder = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url))

/**
 * The manifests as the package carries them: a kustomize base, a sidecar component, two overlays and
 * examples. They are patched by kustomize, as Kubernetes' users do, and take no addresses here.
 *
 * @returns file names below `deploy/kubernetes/` and texts
 * @throws the system's error where the package is not whole
 */
export function kubernetes(): ConfigFiles {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/').slice(folder.length))
    .map((name) => name.replace(/^\/+/, ''))
    .sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(folder + name, 'utf8')]))
}
