import type { Narrator } from './narrator.ts'
import { inMs } from './narrator.ts'
import type { Shown, Stage } from './stage.ts'

/** What an allow rested on. */
const evidence: Readonly<Record<string, string>> = {
  introspected: 'ZeroID was asked',
  minted: 'minted just now, no signal since: nobody was asked',
}

/**
 * Shows a token that must pass, and tells the answer.
 *
 * @throws where the gate does not allow it
 */
export async function expectAllowed(
  stage: Stage,
  tell: Narrator,
  label: string,
  token: string,
): Promise<Shown> {
  const shown = await stage.show(token)
  const { status, reason, ms } = shown
  if (status !== 200) throw new Error(`expected 200 from the gate, got ${status} (${reason})`)
  tell.row(label, `200  ${inMs(ms)}, ${evidence[reason] ?? reason}`)
  return shown
}

/**
 * Shows a token that must be refused for this reason, and tells the answer.
 *
 * @returns the challenge
 * @throws where the gate does not refuse it so
 */
export async function expectDenied(
  stage: Stage,
  tell: Narrator,
  label: string,
  { token, reason: wanted }: { token: string; reason: string },
): Promise<string> {
  const { status, reason, headers } = await stage.show(token)
  const challenge = headers['www-authenticate']
  if (status !== 401 || reason !== wanted || challenge === undefined) {
    throw new Error(`expected 401 (${wanted}) from the gate, got ${status} (${reason})`)
  }
  tell.row(label, `401  ${reason}`)
  return challenge
}
