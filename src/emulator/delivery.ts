import type { Signal } from './types.ts'

/** What happens to signals on their way to the streams. */
export interface DeliveryControls {
  /** Signals are stored and revoke, but reach no stream: another replica took them. */
  silent(on: boolean): void
  /** Each signal is sent this many times. */
  duplicate(times: number): void
  /** Signals are held back in pairs and sent newest first; switching it off sends the one held. */
  reorder(on: boolean): void
  /** Each signal is sent this many milliseconds after it was stored. */
  delay(ms: number): void
  /** Undoes silent, duplicate, reorder and delay. */
  normal(): void
}

/** The way from a stored signal to the streams. */
export interface Delivery {
  readonly controls: DeliveryControls
  publish(signal: Signal): void
}

/**
 * Makes the way from a stored signal to the streams.
 *
 * @param deliver puts one event into the queues of the signal's tenant
 */
export function createDelivery(deliver: (signal: Signal, frame: string) => void): Delivery {
  let isSilent = false
  let copies = 1
  let reorders = false
  let delayMs = 0
  let held: Signal | undefined

  function send(signal: Signal): void {
    const frame = `event: signal\ndata: ${JSON.stringify(signal)}\n\n`
    for (let copy = 0; copy < copies; copy += 1) deliver(signal, frame)
  }

  function release(): void {
    const last = held
    held = undefined
    if (last !== undefined) send(last)
  }

  function order(signal: Signal): void {
    if (reorders && held === undefined) {
      held = signal
      return
    }
    send(signal)
    release()
  }

  const controls: DeliveryControls = {
    silent(on) {
      isSilent = on
    },
    duplicate(times) {
      copies = times
    },
    reorder(on) {
      reorders = on
      if (!on) release()
    },
    delay(ms) {
      delayMs = ms
    },
    normal() {
      isSilent = false
      copies = 1
      delayMs = 0
      controls.reorder(false)
    },
  }

  return {
    controls,
    publish(signal) {
      if (isSilent) return
      if (delayMs > 0) setTimeout(() => order(signal), delayMs).unref()
      else order(signal)
    },
  }
}
