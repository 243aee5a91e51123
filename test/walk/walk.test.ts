import { expect, test } from 'vitest'
import { elsewhere, neverRenewed, walks } from './operations.ts'
import { timeFor, wander } from './walk.ts'

test(
  'in hybrid mode no verdict differs from the server for longer than the bound',
  async () => {
    const walked = await wander('hybrid', walks('hybrid'), 600)
    expect(walked.operations).toBeGreaterThanOrEqual(600)
  },
  timeFor(600),
)

test(
  'in local mode no token revoked by a known signal is allowed and no good one is denied',
  async () => {
    const walked = await wander('local', walks('local'), 200)
    expect(walked.operations).toBeGreaterThanOrEqual(200)
  },
  timeFor(200),
)

test(
  'in live mode every verdict is the word of the server',
  async () => {
    const walked = await wander('live', walks('live'), 100)
    expect(walked.operations).toBeGreaterThanOrEqual(100)
  },
  timeFor(100),
)

for (const mode of ['hybrid', 'local'] as const) {
  test(
    `in ${mode} mode a signal that no stream brings is enforced when the next poll is due`,
    async () => {
      const walk = walks(mode, elsewhere, [0], [neverRenewed])
      const walked = await wander(`elsewhere, ${mode}`, walk, 50)
      expect(walked.operations).toBeGreaterThanOrEqual(50)
    },
    timeFor(50),
  )
}
