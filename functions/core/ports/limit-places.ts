/** Of what a tenant may have only so many at once. */
export type PlaceKind = 'running' | 'schedules' | 'workflows'

/** What has a place, or waits for one. */
export interface Placed {
  readonly id: string
  /** When it was made: what waits is taken in this order. Always the same for one id. */
  readonly since: number
}

/** Who has the places and who waits for one, oldest first. */
export interface Places {
  readonly taken: readonly Placed[]
  readonly waiting: readonly Placed[]
}

/**
 * Counts what a tenant has at once, exactly, by names: taking or giving back a place again changes nothing. A place whose
 * holder is gone is found by whoever finds no other.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface LimitPlaces {
  /**
   * Takes a place, in one conditional write.
   *
   * @param known others that are known to be there, counted from now on even if they never took a place.
   * @returns undefined when it is taken, or was before; else who has them all.
   */
  take(
    tenant: string,
    kind: PlaceKind,
    placed: Placed,
    most: number,
    known?: readonly Placed[],
  ): Promise<Places | undefined>
  /** Gives places back. @returns what is seen then. */
  leave(tenant: string, kind: PlaceKind, placed: readonly Placed[]): Promise<Places>
  /** Waits in line. @returns what is seen then: a place may have come free in between. */
  wait(tenant: string, kind: PlaceKind, placed: Placed): Promise<Places>
  /** Takes one out of the line, to be woken. @returns false when another has. */
  call(tenant: string, kind: PlaceKind, placed: Placed): Promise<boolean>
}
