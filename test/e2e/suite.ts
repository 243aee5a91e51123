import { describe, expect, test } from 'vitest'
import type { ProxyServer } from './servers.ts'
import { findBinary } from './servers.ts'

/**
 * Tests that need a real proxy. Where it is missing they are skipped by a title that says how to get
 * it, or fail where `GATE_E2E=required`.
 *
 * @param title of the group
 * @param server which proxy
 * @param tests registers the tests; is given the binary's path
 */
export function describeProxy(
  title: string,
  server: ProxyServer,
  tests: (binary: string) => void,
): void {
  describe(title, () => {
    const binary = findBinary(server)
    if (binary !== undefined) return tests(binary)
    const remedy = `is not installed: ${server.install}, or set ${server.env}`
    if (process.env.GATE_E2E === 'required') test(remedy, () => expect.fail(remedy))
    else test.skip(remedy, () => {})
  })
}
