/** One caller's, until its time is over. */
export interface Place {
  /** Names the place and who has it: with it a caller who was cut off takes it over from himself. */
  readonly id: string
  /** Gives it back before its time. */
  leave(): Promise<void>
  /** Whether nobody has taken it over. */
  isHeld(): Promise<boolean>
}

/**
 * Bounds how many callers wait at once, over all functions of a stage.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface WaitPlaces {
  /**
   * Takes a place, which is free again at an instant whatever happens to its holder.
   *
   * @param before id of the place that the same caller had: taken over, if nobody else has it by now.
   * @returns undefined when none was found.
   */
  take(now: number, until: number, before?: string): Promise<Place | undefined>
}
