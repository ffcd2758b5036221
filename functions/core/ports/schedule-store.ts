import type { Schedule } from '../domain/schedule.ts'
import type { TaskKey } from '../domain/task.ts'

/**
 * Keeps schedules.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface ScheduleStore {
  /** Creates the row unless one is there. */
  create(
    schedule: Schedule,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Schedule }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Schedule | undefined>
  /**
   * Puts the row in the place of the one that was seen.
   * @returns false when the stored version is another one: nothing is written then. True also when it was our own write
   * whose answer was lost.
   */
  replace(seen: Schedule, next: Schedule): Promise<boolean>
  /** @returns false when there is none of that version. */
  remove(seen: Schedule): Promise<boolean>
  /** A tenant's schedules in the order of their ids, up to `limit`. */
  list(
    tenant: string,
    limit: number,
    cursor?: string,
  ): Promise<{ readonly schedules: readonly Schedule[]; readonly cursor?: string }>
}
