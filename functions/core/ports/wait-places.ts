/**
 * Bounds how many callers wait at once, over all functions of a stage.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface WaitPlaces {
  /**
   * Takes a place, which is free again at an instant whatever happens to its holder.
   * @returns gives it back earlier; undefined when none was found.
   */
  take(now: number, until: number): Promise<(() => Promise<void>) | undefined>
}
