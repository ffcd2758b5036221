/**
 * Runs work that would block the heartbeats of a whole batch, or use unlimited memory, in a separate thread.
 *
 * @throws TaskError as thrown by the work; `file_too_complex` when it exceeded its memory or time; the signal's reason when
 * the signal fires first.
 */
export type HeavyWork = (work: HeavyOrder) => Promise<unknown>

export interface HeavyOrder {
  /** `<folder of the task type>/<exported function of its heavy.ts>`. */
  readonly name: string
  /** Copied to the thread. A function is called when the thread is free, and the bytes it returns are moved there. */
  readonly input: unknown
  readonly signal: AbortSignal
}
