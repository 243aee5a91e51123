export type { AdapterOptions, ZeroidOptions } from './adapters/options.ts'
export type { AllowedUpgrade } from './adapters/upgrade.ts'
export { upgradeGuard } from './adapters/upgrade.ts'
export type { AccessErrorCode } from './errors.ts'
export { AccessError } from './errors.ts'
export type { GateOptions, Tenant } from './gate/options.ts'
export type { GateStatus } from './gate/status.ts'
export type { UpgradeCheck, UpgradeRequest } from './gate/upgrade.ts'
export type { Watch } from './gate/watch.ts'
export type { CheckRequest, Gate } from './gate.ts'
export { createGate } from './gate.ts'
export type { Agent, AgentIdentity } from './identity/agent.ts'
export type { TrustLevel } from './identity/trust.ts'
export type { NoteFields, Observer } from './observe/observer.ts'
export type { PolicyProblem } from './policy/document.ts'
export { PolicyError } from './policy/document.ts'
export type { PolicyDocument, RequireDocument, RouteDocument } from './policy/policy.ts'
export type {
  Actor,
  Allow,
  Deny,
  DenyCode,
  DenyReason,
  Evidence,
  Identity,
  Proof,
  Unknown,
  UnknownReason,
  Verdict,
} from './verdict.ts'
