import { generateKeyPairSync, sign } from 'node:crypto'
import { identityHeaderNames } from '../../http/identity-headers.ts'
import { expectAllowed, expectDenied } from './expect.ts'
import { measure } from './latencies.ts'
import type { Narrator } from './narrator.ts'
import { denyAfterRevocation, denyAfterSignal } from './revocations.ts'
import type { Shown, Stage } from './stage.ts'
import { credentialsOf } from './stage.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** What a delegation changes, of all that a backend is told. */
const chainHeaders = [
  'X-Forwarded-User',
  'X-Zeroid-Act-Sub',
  'X-Zeroid-Delegation-Depth',
  'X-Zeroid-Scopes',
  'X-Zeroid-Mission-ID',
]

/**
 * Plays the whole scene.
 *
 * @param stage ZeroID and gate
 * @param tell the audience
 * @throws StepFailed at the first step that does not do what it says
 */
export async function play(stage: Stage, tell: Narrator): Promise<void> {
  const root = await tell.step('An orchestrator registers, gets a token and passes', async () => {
    const agent = await stage.zeroid.agent({ name: 'orchestrator', subType: 'orchestrator' })
    const token = await stage.token(credentialsOf(agent))
    const { headers } = await expectAllowed(stage, tell, 'orchestrator', token)
    showHeaders(tell, headers, identityHeaderNames)
    return { agent, token }
  })

  const chain = await tell.step('It delegates to a sub-agent, and that one to a tool', async () => {
    const subAgent = await delegate(stage, tell, root.token, 'sub-agent')
    const tool = await delegate(stage, tell, subAgent, 'tool')
    return { orchestrator: root.token, 'sub-agent': subAgent, tool }
  })

  await tell.step('A forged signature and an expired token are refused', async () => {
    const forged = { token: forge(root.token), reason: 'bad_signature' }
    await expectDenied(stage, tell, 'forged', forged)
    const iat = Math.floor(stage.zeroid.clock.now() / 1000) - 3_600
    const token = await stage.zeroid.mint({ agent: root.agent, iat, ttl: 60 })
    const expired = { token, reason: 'token_expired' }
    const challenge = await expectDenied(stage, tell, 'expired', expired)
    tell.say(`  WWW-Authenticate: ${challenge}`)
  })

  await tell.step('One critical signal on the orchestrator stops all three', () =>
    denyAfterSignal(stage, tell, root.agent, chain),
  )
  await tell.step('A token minted afterwards passes', async () => {
    const token = await stage.token(credentialsOf(root.agent))
    await expectAllowed(stage, tell, 'orchestrator', token)
  })
  await tell.step('A plain revocation, of which no signal tells', () =>
    denyAfterRevocation(stage, tell),
  )
  await tell.step('What a check costs', () => measure(stage, tell))
}

async function delegate(
  stage: Stage,
  tell: Narrator,
  parent: string,
  name: string,
): Promise<string> {
  const agent = await stage.zeroid.agent({ name })
  const token = await stage.token({
    grant_type: exchangeGrant,
    subject_token: parent,
    actor_token: await stage.zeroid.assertion(agent),
    scope: 'data:read',
  })
  const { headers } = await expectAllowed(stage, tell, name, token)
  showHeaders(tell, headers, chainHeaders)
  return token
}

/** What a backend behind the gate is told. */
function showHeaders(tell: Narrator, headers: Shown['headers'], names: readonly string[]): void {
  for (const name of names) {
    const value = headers[name.toLowerCase()]
    if (value !== undefined) tell.row(`  ${name}`, value)
  }
}

/** The same claims under somebody else's key. */
function forge(token: string): string {
  const signed = token.slice(0, token.lastIndexOf('.'))
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}
