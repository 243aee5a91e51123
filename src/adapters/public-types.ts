/** The types that every adapter's users may need to name. */
export type { GateOptions, Tenant } from '../gate/options.ts'
export type { Gate } from '../gate.ts'
export type { Agent, AgentIdentity } from '../identity/agent.ts'
export type { TrustLevel } from '../identity/trust.ts'
export type { Actor, Identity } from '../verdict.ts'
export type { AdapterOptions, ZeroidOptions } from './options.ts'
export type { ProtectedResourceOptions } from './protected-resource.ts'
export type { DelegationOptions, IdentityType } from './requirements.ts'
