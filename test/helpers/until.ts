import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until a condition holds. What it waits for is named by the condition itself.
 *
 * @param condition asked again every few milliseconds; may throw while it does not hold
 * @param between done before each further asking, such as moving a fake clock
 */
export async function until(
  condition: () => unknown,
  between: () => void = () => {},
  patience = 12_000,
): Promise<void> {
  const deadline = performance.now() + patience
  let reason: unknown
  for (;;) {
    try {
      if (await condition()) return
      reason = undefined
    } catch (error) {
      reason = error
    }
    if (performance.now() > deadline) {
      throw new Error(`still not so: ${condition}`, { cause: reason })
    }
    await sleep(4)
    between()
  }
}

/** Lets everything happen that is under way within this process and its sockets. */
export async function quiet(rounds = 20): Promise<void> {
  for (let round = 0; round < rounds; round++) await sleep(1)
}
