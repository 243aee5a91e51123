import { readFileSync } from 'node:fs'
import type { PolicySource } from '../access/access.ts'
import { systemClock } from '../clock.ts'
import type { Gate } from '../gate.ts'
import { parsePolicy, policyFrom } from '../policy/document.ts'
import type { Policy, PolicyDocument } from '../policy/policy.ts'
import type { PolicyFile } from '../policy/source.ts'
import { followPolicyFile } from '../policy/source.ts'

/** Goes on following rules that were read; its gate is told of reloads, and ends it. */
type Follow = (gate: Gate) => PolicySource

/**
 * Reads the rules of an app. A file is followed for as long as the gate lives.
 *
 * @param policy path of a policy file, or the rules themselves
 * @throws PolicyError for rules that cannot be used, the system's error for a file that cannot be
 *   read: an app must not start without its rules
 */
export function readRules(policy: string | PolicyDocument): Follow {
  if (typeof policy !== 'string') {
    const rules = policyFrom(policy)
    return () => ({ current: () => rules })
  }
  const first = parsePolicy(readFileSync(policy, 'utf8'), policy)
  return (gate) => followRules(policy, first, gate)
}

function followRules(path: string, first: Policy, gate: Gate): PolicySource {
  let file: PolicyFile | undefined
  void followPolicyFile(path, { clock: systemClock, observer: gate.observer }).then((followed) => {
    file = followed
    if (gate.ended.aborted) followed.close()
    else gate.ended.addEventListener('abort', followed.close, { once: true })
  })
  return { current: () => file?.current() ?? first }
}
