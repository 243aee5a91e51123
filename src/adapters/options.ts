import type { GateOptions } from '../gate/options.ts'
import { unknownOption } from '../gate/options.ts'
import type { Gate } from '../gate.ts'
import { createGate } from '../gate.ts'
import type { PolicyDocument } from '../policy/policy.ts'

/** What the middleware adds to the gate. */
export interface AdapterOptions {
  /**
   * Let requests without a token pass, without an identity; default false. A token that is there
   * must be good all the same.
   */
  readonly optional?: boolean | undefined
  /** URL of this resource's metadata (RFC 9728) for challenges; default: the issuer's. */
  readonly resourceMetadata?: string | undefined
  /**
   * Rules per route: the path of a policy file, which is followed, or the rules themselves. Default:
   * any good token may pass.
   */
  readonly policy?: string | PolicyDocument | undefined
  /** Bytes at most of a body that a proof names (`bh`): it is read first; default 1 048 576. */
  readonly bodyLimit?: number | undefined
}

/** Options of a gate of one's own, or a gate that is shared with others. */
export type ZeroidOptions =
  | (AdapterOptions & GateOptions & { readonly gate?: never })
  | (AdapterOptions & { readonly gate: Gate })

/** A gate, and whether it is the middleware's own to close. */
export interface ChosenGate {
  readonly gate: Gate
  readonly own: boolean
}

/**
 * @param options as the user gave them
 * @throws TypeError that names the option that cannot be used: a misspelt one would silently leave
 *   a default in force
 */
export function chooseGate(options: ZeroidOptions): ChosenGate {
  const { optional, resourceMetadata, policy, bodyLimit, ...rest } = options ?? {}
  if (bodyLimit !== undefined && (!Number.isSafeInteger(bodyLimit) || bodyLimit < 1)) {
    throw new TypeError('"bodyLimit" option must be a positive number of bytes')
  }
  if (optional === true && policy !== undefined) {
    throw new TypeError('"optional" option does not go with "policy": say "allow: anonymous" there')
  }
  if (optional !== undefined && typeof optional !== 'boolean') {
    throw new TypeError('"optional" option must be true or false')
  }
  // It is written between quotes into a header.
  if (
    resourceMetadata !== undefined &&
    !/^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/.test(resourceMetadata)
  ) {
    throw new TypeError('"resourceMetadata" option must be an http or https URL')
  }
  if (!('gate' in rest) || rest.gate === undefined) {
    const { gate: _, ...gateOptions } = rest as GateOptions & { gate?: undefined }
    return { gate: createGate(gateOptions), own: true }
  }
  const { gate, ...others } = rest
  const [odd] = Object.keys(others)
  if (odd !== undefined) {
    throw new TypeError(unknownOption(odd) ?? `"${odd}" option belongs to the gate, which is given`)
  }
  if (typeof gate?.check !== 'function') throw new TypeError('"gate" option must be a gate')
  return { gate, own: false }
}
