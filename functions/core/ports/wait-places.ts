/** A place that one caller holds until its time is over. */
export interface Place {
  /** Identifies place and holder: a disconnected caller sends it to take its own place over again. */
  readonly id: string
  /** Frees the place early. */
  leave(): Promise<void>
  /** False when another holder has taken it over. */
  isHeld(): Promise<boolean>
}

/**
 * Limits how many callers wait at the same time, over all functions of a stage.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface WaitPlaces {
  /**
   * Takes a place that expires at `until`, whatever happens to its holder.
   *
   * @param before id of the caller's earlier place, which is taken over unless another caller has it now.
   * @returns undefined when no free place was found.
   */
  take(now: number, until: number, before?: string): Promise<Place | undefined>
}
