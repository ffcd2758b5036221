/** What one run of the cleanup did. */
export interface CleanedUp {
  /** Rows deleted. */
  readonly tasks: number
  /** Uploads deleted that no task uses any more. */
  readonly uploads: number
  /** Payload objects deleted with them. */
  readonly objects: number
  /** Rows that could not be deleted; the next cleanup tries again. */
  readonly failed: number
  /** False when time ran out first; the next call goes on. */
  readonly isComplete: boolean
}

/** Asks the stage's own functions for work that reaches over all tenants; a worker has no such rights itself. */
export interface Upkeep {
  /**
   * Deletes what its retention is over for, for about two minutes at most.
   *
   * @throws TaskError `cleanup_failed`, worth another attempt, when the function failed.
   */
  cleanUp(signal: AbortSignal): Promise<CleanedUp>
}
