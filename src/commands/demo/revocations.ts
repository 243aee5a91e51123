import type { Agent } from '../../emulator/index.ts'
import { maxStaleness } from '../trial.ts'
import { expectAllowed } from './expect.ts'
import type { Narrator } from './narrator.ts'
import { inMs } from './narrator.ts'
import type { Stage } from './stage.ts'
import { credentialsOf } from './stage.ts'

/** Nothing may pass longer than the bound; the second is for a slow machine. */
const timeout = maxStaleness.ms + 1_000

/**
 * Raises one critical signal and measures how long each token still passes.
 *
 * @param stage ZeroID and gate
 * @param tell the audience
 * @param agent whom the signal names
 * @param tokens by the name of their holder, all allowed until now
 */
export async function denyAfterSignal(
  stage: Stage,
  tell: Narrator,
  agent: Agent,
  tokens: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [holder, token] of Object.entries(tokens)) {
    await expectAllowed(stage, tell, holder, token)
  }
  const { status } = await stage.post('/api/v1/signals/ingest', {
    identity_id: agent.id,
    signal_type: 'anomalous_behavior',
    severity: 'critical',
    source: 'demo',
  })
  const accepted = performance.now()
  tell.row('POST /api/v1/signals/ingest', String(status))
  const denials = Object.entries(tokens).map(async ([holder, token]) => {
    await stage.untilDenied(token, timeout)
    return { holder, token, ms: performance.now() - accepted }
  })
  for (const { holder, token, ms } of await Promise.all(denials)) {
    const { reason } = await stage.show(token)
    tell.row(holder, `401  ${inMs(ms)} after ZeroID accepted the signal, ${reason}`)
  }
}

/** Revokes a token in use at the server and measures how long it still passes. */
export async function denyAfterRevocation(stage: Stage, tell: Narrator): Promise<void> {
  const agent = await stage.zeroid.agent({ name: 'assistant' })
  const token = await stage.token(credentialsOf(agent))
  await expectAllowed(stage, tell, 'assistant', token)
  const { status } = await stage.post('/oauth2/token/revoke', { token })
  tell.row('POST /oauth2/token/revoke', String(status))
  const ms = await stage.untilDenied(token, timeout)
  tell.row('assistant', `401  ${inMs(ms)} after the revocation; the bound is ${maxStaleness.text}`)
}
