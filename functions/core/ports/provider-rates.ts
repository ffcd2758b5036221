import type { ProviderLimit } from '../domain/provider-limit.ts'

/** The clock of one model's calls; see `domain/provider-limit.ts`. */
export interface Rate {
  /** When the next call of a steady stream would start. */
  readonly planned: number
  /** The limit that workers learned from headers, and when. */
  readonly learned?: ProviderLimit & { readonly at: number }
}

/**
 * Shares between all workers how much of the providers' limits is used.
 *
 * @throws UnavailableError when the store does not answer; callers then work without limits.
 */
export interface ProviderRates {
  read(name: string): Promise<Rate | undefined>
  /**
   * Moves the clock forward by the cost of a call, in one conditional write, unless the clock is later than `latest`. A clock
   * in the past starts at `now`.
   *
   * @returns the clock before the call, and whether it was moved.
   */
  take(
    name: string,
    call: { readonly now: number; readonly costMs: number; readonly latest: number },
  ): Promise<{ readonly planned: number; readonly isTaken: boolean }>
  /** Sets the clock to `until` if it is earlier, and stores a learned limit. */
  learn(name: string, until: number, learned: ProviderLimit, now: number): Promise<void>
}
