import type { TaskSteps } from './run-steps.ts'

interface Needs {
  readonly step: TaskSteps['step']
  readonly progress: (percent: number, message?: string) => void
  readonly signal: AbortSignal
}

export interface MapOptions {
  /** Names the items' steps: `part 3 of 40`. */
  readonly name: string
  /** How many run side by side. Default 4. */
  readonly concurrency?: number
  /** From where to where the task's progress goes meanwhile. Default 0 to 100. */
  readonly progress?: readonly [from: number, to: number]
}

/**
 * Runs every item as a step of its own, some side by side. An item that fails keeps further ones from starting; what is
 * under way is waited for, so that what was paid for is kept.
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
