export type { Agent, AgentOptions } from './agents.ts'
export type { ClientCredentials } from './client-auth.ts'
export type { Clock } from './clock.ts'
export {
  type Emulator,
  type EmulatorOptions,
  type SignalOptions,
  startEmulator,
} from './emulator.ts'
export type { Fault, Faults } from './faults.ts'
export type { Jwks, KeyKind } from './keys.ts'
export type { DelegateOptions, MintOptions, SignOptions } from './minting.ts'
export type { RequestEntry, Requests, RouteName } from './requests.ts'
export type { Streams } from './stream.ts'
export type { Claims, PrincipalType, Profile, Signal } from './types.ts'
