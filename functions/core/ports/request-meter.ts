import type { Rate } from '../domain/limits.ts'

/**
 * Counts a tenant's requests, exactly: of any number of callers at once no more get in than the rate lets.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface RequestMeter {
  /** @returns undefined for one that may come; else how long to wait for the next that may. */
  take(tenant: string, rate: Rate, now: number): Promise<number | undefined>
}
