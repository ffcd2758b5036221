import type { Addition, TallyUsage } from '../domain/tally.ts'
import type { Status, TaskKey } from '../domain/task.ts'

export type Period = 'hour' | 'day'

/**
 * Stores statistics per tenant and hour or day: one row for each task type and model.
 *
 * @throws UnavailableError when the table does not answer; then it is unknown whether a write succeeded. MisconfiguredError when
 * it refuses the function.
 */
export interface TallyStore {
  /**
   * Adds the end of a task to the row of its hour and of its day, and its usage to those of each of its tags. Repeating it has no
   * effect: each row keeps a mark of the addition until some time after `confirm`.
   *
   * @returns the number of additions of this task so far.
   */
  add(addition: Addition): Promise<number>
  /** The task's row states that its end was added, so its marks may be removed. */
  confirm(task: TaskKey & { readonly epoch: number }): void
  /**
   * A tenant's rows, starting at the hour or day of an instant.
   *
   * @param part `usage`: without counts of ends and durations, which are nine tenths of a row.
   */
  read(tenant: string, period: Period, since: number, part?: 'whole' | 'usage'): Promise<readonly TallyRow[]>
  /** The same per tag. Tasks without a model call are not included. */
  readTags(tenant: string, period: Period, since: number): Promise<readonly TagRow[]>
}

export interface TagRow {
  readonly at: string
  readonly tag: string
  readonly users: number
  readonly usage: TallyUsage
}

export interface TallyRow {
  /** `2026-11-25T21` or `2026-11-25`, UTC. */
  readonly at: string
  readonly type: string
  /** Empty for a task without a model. */
  readonly model: string
  readonly provider: string | undefined
  /** Number of tasks by their final status. */
  readonly counts: Readonly<Partial<Record<Status, number>>>
  /** Number of tasks that used a model. */
  readonly users: number
  readonly usage: TallyUsage
  /** Counts per bucket; see `bucketOf`. */
  readonly runs: ReadonlyMap<number, number>
  readonly waits: ReadonlyMap<number, number>
}
