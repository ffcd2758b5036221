import type { OwnLimits } from '../domain/limits.ts'

/**
 * Stores the limits that are set per tenant.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface LimitStore {
  /** Undefined for a tenant without limits of its own. */
  read(tenant: string): Promise<OwnLimits | undefined>
  /** Replaces all of them; of two writes at once the later one stays. */
  write(tenant: string, limits: OwnLimits): Promise<void>
}
