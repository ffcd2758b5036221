import { limitReached, requestRate, type TenantLimits } from '../../domain/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RequestMeter } from '../../ports/request-meter.ts'

export interface RequestLimitDependencies {
  readonly meter: RequestMeter
  readonly limitsOf: (tenant: string) => Promise<TenantLimits>
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Counts a request of a tenant; writes nothing when the tenant has no such limit.
 *
 * @throws RequestError `limit_reached`.
 */
export const openRequestLimit =
  ({ meter, limitsOf, clock }: RequestLimitDependencies) =>
  async (tenant: string): Promise<void> => {
    const limits = await limitsOf(tenant)
    const rate = requestRate(limits)
    const waitMs = rate && (await meter.take(tenant, rate, clock.now()))
    if (waitMs !== undefined) throw limitReached({ limit: 'requests', retryAfterMs: waitMs }, limits)
  }
