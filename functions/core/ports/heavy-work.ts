/**
 * Runs what would block the heartbeats of a whole batch, or take memory without end, apart from it.
 *
 * @throws TaskError as the work threw it; `file_too_complex` when it took more memory or time than it may; the signal's
 * reason when that fires first.
 */
export type HeavyWork = (work: HeavyOrder) => Promise<unknown>

export interface HeavyOrder {
  /** `<folder of the task type>/<exported function of its heavy.ts>`. */
  readonly name: string
  /** Copied to where the work runs; a function is called when its turn has come, and the bytes it gives are moved there. */
  readonly input: unknown
  readonly signal: AbortSignal
}
