import type { Task } from '../domain/task.ts'

/**
 * Finds and deletes the rows of tasks and uploads whose retention is over and that are still stored.
 *
 * @throws UnavailableError when the table does not answer. MisconfiguredError when it refuses the function.
 */
export interface ExpiredRows {
  /**
   * The rows, page by page, each page with the position after it; the last page has no `next`. A page may be empty.
   * @param from where an earlier scan stopped.
   */
  expired(from?: string): AsyncIterable<{ readonly rows: readonly ExpiredTask[]; readonly next?: string }>
  /**
   * Deletes an expired row unless it was written to since.
   * @returns whether it was deleted.
   */
  removeExpired(task: Pick<ExpiredTask, 'tenant' | 'id' | 'writeId' | 'isUpload'>): Promise<boolean>
  /** Where the last scan stopped, and when it began. */
  readWalk(): Promise<ExpiryWalk | undefined>
  writeWalk(walk: ExpiryWalk): Promise<void>
}

export interface ExpiryWalk {
  readonly begunAt: number
  /** Absent when the scan reached the end. */
  readonly next?: string
}

export type ExpiredTask = Pick<Task, 'tenant' | 'id' | 'writeId' | 'input' | 'result' | 'stepsSince'> & {
  /** The row of an upload, whose object must be deleted too. */
  readonly isUpload?: true
}
