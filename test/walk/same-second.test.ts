import { expect, test } from 'vitest'
import { closeTogether, walks } from './operations.ts'
import { timeFor, wander } from './walk.ts'

for (const [mode, operations] of [
  ['hybrid', 150],
  ['local', 40],
  ['live', 40],
] as const) {
  test(
    `in ${mode} mode tokens and signals of the same second are told apart`,
    async () => {
      const walk = walks(mode, closeTogether, [0, 15, 15])
      const walked = await wander(`same second, ${mode}`, walk, operations)
      expect(walked.operations).toBeGreaterThanOrEqual(operations)
    },
    timeFor(operations),
  )
}
