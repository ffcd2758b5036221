import type { Task } from '../domain/task.ts'

/**
 * Finds and deletes the rows of tasks and uploads whose retention is over and that are still stored.
 *
 * @throws UnavailableError when the table does not answer. MisconfiguredError when it refuses the function.
 */
export interface ExpiredRows {
  /**
   * Page by page, each with where to continue after it; no `next` on the last. A page may be empty.
   * @param from where an earlier pass stopped.
   */
  expired(from?: string): AsyncIterable<{ readonly rows: readonly ExpiredTask[]; readonly next?: string }>
  /**
   * Deletes an expired row, if nothing has been written to it since.
   * @returns whether it did.
   */
  removeExpired(task: Pick<ExpiredTask, 'tenant' | 'id' | 'writeId' | 'isUpload'>): Promise<boolean>
  /** Where the pass stopped, and when it or the last whole one began. */
  readWalk(): Promise<ExpiryWalk | undefined>
  writeWalk(walk: ExpiryWalk): Promise<void>
}

export interface ExpiryWalk {
  readonly begunAt: number
  /** Absent when it came to the end. */
  readonly next?: string
}

export type ExpiredTask = Pick<Task, 'tenant' | 'id' | 'writeId' | 'input' | 'result' | 'stepsSince'> & {
  /** The row of an upload, whose object goes with it. */
  readonly isUpload?: true
}
