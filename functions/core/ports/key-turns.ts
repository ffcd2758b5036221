/** A task that waits for its key, oldest first. */
export interface Turns {
  readonly holder: string | undefined
  readonly waiting: readonly string[]
}

/**
 * Whose turn it is, for each `concurrency_key` of a tenant: of all tasks of one key one runs at a time. A turn has no end
 * of its own: its holder's row is there, and its end gives the turn back.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface KeyTurns {
  /**
   * Takes the turn, or waits in line, once, however often it is asked.
   *
   * @param stolen a holder that is known to have ended: its turn may be taken over.
   * @returns the holder that stood against it; undefined when the turn is taken, or was before.
   */
  take(tenant: string, key: string, taskId: string, now: number, stolen?: string): Promise<string | undefined>
  /** Gives the turn back and leaves the line; again, it changes nothing. @returns what is seen then. */
  leave(tenant: string, key: string, taskId: string): Promise<Turns>
  look(tenant: string, key: string): Promise<Turns>
}
