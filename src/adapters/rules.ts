import { readFileSync } from 'node:fs'
import type { PolicySource } from '../access/access.ts'
import { systemClock } from '../clock.ts'
import type { Gate } from '../gate.ts'
import { parsePolicy, policyFrom } from '../policy/document.ts'
import type { PolicyDocument } from '../policy/policy.ts'
import type { PolicyFile } from '../policy/source.ts'
import { followPolicyFile } from '../policy/source.ts'

/**
 * The rules of an app. A file is followed for as long as the gate lives.
 *
 * @param policy path of a policy file, or the rules themselves
 * @param gate told of reloads
 * @throws PolicyError for rules that cannot be used, the system's error for a file that cannot be
 *   read: an app must not start without its rules
 */
export function rulesOf(policy: string | PolicyDocument, gate: Gate): PolicySource {
  if (typeof policy !== 'string') {
    const rules = policyFrom(policy)
    return { current: () => rules }
  }
  const first = parsePolicy(readFileSync(policy, 'utf8'), policy)
  let file: PolicyFile | undefined
  void followPolicyFile(policy, { clock: systemClock, observer: gate.observer }).then(
    (followed) => {
      file = followed
      if (gate.ended.aborted) followed.close()
      else gate.ended.addEventListener('abort', followed.close, { once: true })
    },
  )
  return { current: () => file?.current() ?? first }
}
