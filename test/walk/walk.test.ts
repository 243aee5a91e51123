import { expect, test } from 'vitest'
import { walks } from './operations.ts'
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
