import { systemClock } from '../core/adapters/system/clock.ts'

/** How long a value of a tenant is cached: a change takes effect this much later at most. */
const CACHE_MS = 10_000
const MAX_TENANTS = 10_000

/** Caches a value per tenant and execution environment, so that a submit stays one write and one send. */
export function cachePerTenant<Answer>(
  ask: (tenant: string) => Promise<Answer>,
): (tenant: string) => Promise<Answer> {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<Answer> }>()
  return (tenant) => {
    const now = systemClock.now()
    const seen = known.get(tenant)
    if (seen && seen.until > now) return seen.answer
    if (known.size >= MAX_TENANTS) known.clear()
    const answer = ask(tenant)
    known.set(tenant, { until: now + CACHE_MS, answer })
    answer.catch(() => known.delete(tenant))
    return answer
  }
}
