/**
 * The child's side of {@link file://../child.ts}: says that it is ready, and answers calls.
 */

type Calls = Readonly<Record<string, (...args: never[]) => unknown>>

/**
 * Answers the parent's calls by name.
 *
 * @param calls by name; arguments and results must survive `JSON`
 * @param ready what the parent gets as `started`
 */
export function serveCalls(calls: Calls, ready: Readonly<Record<string, unknown>>): void {
  process.on('message', (message: { id: number; ask: string; args: never[] }) => {
    const call = calls[message.ask]
    if (call === undefined) return
    void Promise.resolve()
      .then(() => call(...message.args))
      .then(
        (value) => process.send?.({ id: message.id, value }),
        (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
      )
  })
  // The probe let go of the channel; a server of calls lives by it.
  process.channel?.ref()
  process.send?.({ ready })
}
