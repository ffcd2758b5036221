/** Kinds whose number per tenant is limited. */
export type PlaceKind = 'running' | 'schedules' | 'workflows'

/** An object that has a place, or waits for one. */
export interface PlaceHolder {
  readonly id: string
  /** When it was created; waiting ones are served in this order. Always the same for one id. */
  readonly since: number
}

/** The objects that have a place and those that wait for one, oldest first. */
export interface Places {
  readonly taken: readonly PlaceHolder[]
  readonly waiting: readonly PlaceHolder[]
}

/**
 * Counts a tenant's objects exactly, by their ids: taking or freeing a place twice has no effect. Places of objects that no
 * longer exist are freed when no other place is free.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface LimitPlaces {
  /**
   * Takes a place, in one conditional write.
   *
   * @param known other existing objects, counted from now on even if they never took a place.
   * @returns undefined when this object has a place now; otherwise the objects that have all places.
   */
  take(
    tenant: string,
    kind: PlaceKind,
    placed: PlaceHolder,
    most: number,
    known?: readonly PlaceHolder[],
  ): Promise<Places | undefined>
  /** Frees places. @returns the state after it. */
  leave(tenant: string, kind: PlaceKind, placed: readonly PlaceHolder[]): Promise<Places>
  /** Joins the waiting objects. @returns the state after it: a place may have become free meanwhile. */
  wait(tenant: string, kind: PlaceKind, placed: PlaceHolder): Promise<Places>
  /** Removes an object from the waiting ones, to start it. @returns false when another process has removed it. */
  call(tenant: string, kind: PlaceKind, placed: PlaceHolder): Promise<boolean>
}
