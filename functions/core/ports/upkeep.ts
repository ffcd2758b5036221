/** The result of one run of the cleanup. */
export interface CleanedUp {
  /** Deleted rows of tasks. */
  readonly tasks: number
  /** Deleted uploads that no task used any more. */
  readonly uploads: number
  /** Deleted payload objects. */
  readonly objects: number
  /** Rows that could not be deleted; the next cleanup tries again. */
  readonly failed: number
  /** False when the time was over first; the next call continues. */
  readonly isComplete: boolean
}

/** Calls the stage's own functions for work on all tenants, for which a worker has no permissions. */
export interface Upkeep {
  /**
   * Deletes tasks and uploads whose retention is over, for at most about two minutes.
   *
   * @throws TaskError `cleanup_failed`, which may be retried, when the function failed.
   */
  cleanUp(signal: AbortSignal): Promise<CleanedUp>
}
