import type { Addition, Counted } from '../domain/tally.ts'
import type { Status, TaskKey } from '../domain/task.ts'

export type Period = 'hour' | 'day'

/**
 * Keeps what a tenant's hours and days hold, one row for each of them, task type and model.
 *
 * @throws UnavailableError when the table does not answer; nothing is known then about the write. MisconfiguredError when it
 * refuses the function.
 */
export interface TallyStore {
  /**
   * Adds the end of a task to the row of its hour and of its day, and what it used to those of each of its tags. Done twice it
   * changes nothing: each row keeps a mark of what was added, until `confirm` and some minutes more.
   *
   * @returns how many additions the task has had now.
   */
  add(addition: Addition): Promise<number>
  /** The row of the task says that its end was added: its marks may go. */
  confirm(task: TaskKey & { readonly epoch: number }): void
  /**
   * A tenant's rows from the hour or day of an instant on.
   *
   * @param part `usage`: without counts of ends and times, which are nine tenths of a row.
   */
  read(tenant: string, period: Period, since: number, part?: 'whole' | 'usage'): Promise<readonly TallyRow[]>
  /** The same of its tags. A task that used no model is in none. */
  readTags(tenant: string, period: Period, since: number): Promise<readonly TagRow[]>
}

export interface TagRow {
  readonly at: string
  readonly tag: string
  readonly users: number
  readonly usage: Counted
}

export interface TallyRow {
  /** `2026-11-25T21` or `2026-11-25`, UTC. */
  readonly at: string
  readonly type: string
  /** Empty for a task without one. */
  readonly model: string
  readonly provider: string | undefined
  /** Tasks by how they ended. */
  readonly counts: Readonly<Partial<Record<Status, number>>>
  /** Tasks that used a model. */
  readonly users: number
  readonly usage: Counted
  /** Counts by bucket of `bucketOf`. */
  readonly runs: ReadonlyMap<number, number>
  readonly waits: ReadonlyMap<number, number>
}
