import type { ProviderLimit } from '../domain/provider-limit.ts'

/** The clock of one model's calls; see `domain/provider-limit.ts`. */
export interface Rate {
  /** When the next call of a steady stream would come. */
  readonly planned: number
  /** What workers learned of the limit, and when. */
  readonly learned?: ProviderLimit & { readonly at: number }
}

/**
 * Shares between all workers how far the limits of providers are used.
 *
 * @throws UnavailableError when the store does not answer; callers then do without.
 */
export interface ProviderRates {
  read(name: string): Promise<Rate | undefined>
  /**
   * Moves the clock on by what a call costs, in one conditional write, unless it is ahead of `latest`. A clock that is
   * behind now begins at now.
   *
   * @returns where it stood before the call; or that nothing was planned.
   */
  take(
    name: string,
    call: { readonly now: number; readonly costMs: number; readonly latest: number },
  ): Promise<{ readonly planned: number; readonly isTaken: boolean }>
  /** Sets the clock to an instant at least, and notes what was learned. */
  learn(name: string, until: number, learned: ProviderLimit, now: number): Promise<void>
}
