import type { Rate } from '../domain/limits.ts'

/**
 * Counts a tenant's requests exactly: concurrent callers never exceed the rate.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface RequestMeter {
  /** @returns undefined when the request is allowed; otherwise the wait in milliseconds until one is. */
  take(tenant: string, rate: Rate, now: number): Promise<number | undefined>
}
