import type { Identity } from '../../verdict.ts'
import type { CaseIdentity } from './case.ts'

/**
 * The caller of a case, as a token of an ordinary agent would tell him.
 *
 * @param caller as the table has him
 */
export function identityOf(caller: CaseIdentity): Identity {
  const [accountId = '', projectId = ''] = caller.tenant.split('/')
  const { subject, audience } = caller
  return {
    subject,
    accountId,
    projectId,
    tokenId: 'case',
    identityType: caller.identity_type,
    trustLevel: caller.trust,
    externalId: undefined,
    actSubject: caller.actors[0],
    actor: subject,
    scopes: caller.scopes,
    delegationDepth: caller.delegation_depth,
    missionId: undefined,
    owner: undefined,
    subType: caller.sub_type,
    audiences: typeof audience === 'string' ? [audience] : audience,
    keyThumbprint: caller.bound ? 'bound' : undefined,
    profile: 'legacy',
    principalType: undefined,
    actors: caller.actors.map((actor) => ({
      subject: actor,
      identityType: undefined,
      trustLevel: undefined,
      externalId: undefined,
    })),
    tools: caller.tools,
    grantType: 'client_credentials',
    issuedAt: 0,
    expiresAt: 0,
  }
}
