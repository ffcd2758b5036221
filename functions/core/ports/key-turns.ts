/** The task that runs for a key, and the waiting ones, oldest first. */
export interface KeyTurnState {
  readonly holder: string | undefined
  readonly waiting: readonly string[]
}

/**
 * For each `concurrency_key` of a tenant, which task may run: only one at a time. A turn never expires; the end of the
 * holder's task frees it.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface KeyTurns {
  /**
   * Takes the turn, or joins the waiting tasks. Repeated calls have no further effect.
   *
   * @param stolen a holder that is known to have ended, whose turn may be taken over.
   * @returns the present holder; undefined when the turn is taken by this task.
   */
  take(tenant: string, key: string, taskId: string, now: number, stolen?: string): Promise<string | undefined>
  /** Frees the turn and leaves the waiting tasks; repeated calls have no effect. @returns the state after it. */
  leave(tenant: string, key: string, taskId: string): Promise<KeyTurnState>
  look(tenant: string, key: string): Promise<KeyTurnState>
}
