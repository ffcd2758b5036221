import type { TaskSteps } from './run-steps.ts'

interface Needs {
  readonly step: TaskSteps['step']
  readonly progress: (percent: number, message?: string) => void
  readonly signal: AbortSignal
}

export interface MapOptions {
  /** Prefix of the steps' names: `part 3 of 40`. */
  readonly name: string
  /** Items processed concurrently. Default 4. */
  readonly concurrency?: number
  /** Range of the task's progress during the run. Default 0 to 100. */
  readonly progress?: readonly [from: number, to: number]
}

/**
 * Runs each item as a step of its own, several concurrently. After an item fails no further ones start, but running ones are
 * waited for, so that results already paid for are stored.
 */
export const mapItems =
  ({ step, progress, signal }: Needs) =>
  async <Item, Value>(
    items: readonly Item[],
    run: (item: Item, index: number) => Promise<Value>,
    { name, concurrency = 4, progress: [from, to] = [0, 100] }: MapOptions,
  ): Promise<Value[]> => {
    const values: Value[] = new Array(items.length)
    const failures: unknown[] = []
    let next = 0
    let done = 0
    const work = async () => {
      while (next < items.length && failures.length === 0) {
        const index = next
        next += 1
        const item = items[index] as Item
        try {
          signal.throwIfAborted()
          const label = `${name} ${index + 1} of ${items.length}`
          values[index] = await step(label, () => run(item, index), { inputs: item })
          done += 1
          progress(from + (done / items.length) * (to - from), `${name}: ${done} of ${items.length}`)
        } catch (error) {
          failures.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, items.length)) }, work))
    if (failures.length > 0) throw failures[0]
    return values
  }
