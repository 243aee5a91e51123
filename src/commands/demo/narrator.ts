/** A step of the scene did not do what it says. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed'
  readonly step: string

  constructor(step: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : 'failed', { cause })
    this.step = step
  }
}

/** Tells the scene, line by line. */
export interface Narrator {
  /**
   * Names a step and plays it.
   *
   * @throws StepFailed where it throws
   */
  step<T>(title: string, play: () => Promise<T>): Promise<T>
  /** A line of the present step. */
  say(text: string): void
  /** A line that names something and then what it is. */
  row(label: string, value: string): void
}

const labelWidth = 27

/** @param write takes one line, without its end */
export function createNarrator(write: (line: string) => void): Narrator {
  let steps = 0
  const say = (text: string): void => write(`   ${text}`)
  return {
    async step(title, play) {
      steps++
      write(`\n${steps}  ${title}`)
      try {
        return await play()
      } catch (error) {
        say(`FAILED: ${error instanceof Error ? error.message : 'failed'}`)
        throw new StepFailed(`${steps} (${title})`, error)
      }
    },
    say,
    row: (label, value) => say(`${label.padEnd(labelWidth)}  ${value}`),
  }
}

/** Milliseconds as people read them. */
export function inMs(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}
