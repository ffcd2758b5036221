import type { Schedule } from '../domain/schedule.ts'
import type { TaskKey } from '../domain/task.ts'

/**
 * Stores schedules.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface ScheduleStore {
  /** Creates the row unless it exists. */
  create(
    schedule: Schedule,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Schedule }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Schedule | undefined>
  /**
   * Replaces the row that was read.
   * @returns false when the row has changed since; then nothing is written. True also when the change was our own earlier write
   * whose answer was lost.
   */
  replace(seen: Schedule, next: Schedule): Promise<boolean>
  /** @returns false when the row has changed since it was read. */
  remove(seen: Schedule): Promise<boolean>
  /** A tenant's schedules in the order of their ids, up to `limit`. */
  list(
    tenant: string,
    limit: number,
    cursor?: string,
  ): Promise<{ readonly schedules: readonly Schedule[]; readonly cursor?: string }>
}
