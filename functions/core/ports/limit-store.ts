import type { OwnLimits } from '../domain/limits.ts'

/**
 * Keeps what a tenant's limits are where they are not the stage's.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface LimitStore {
  /** Undefined for a tenant that has none of its own. */
  read(tenant: string): Promise<OwnLimits | undefined>
  /** Replaces them whole; two at once leave those of one. */
  write(tenant: string, limits: OwnLimits): Promise<void>
}
