import { limitReached, PLACES_RETRY_MS, type TenantLimits } from '../../domain/limits.ts'
import { sample } from '../../domain/sample.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LimitPlaces, PlaceHolder } from '../../ports/limit-places.ts'

export interface OwnedLimitDependencies {
  readonly places: LimitPlaces
  readonly limitsOf: (tenant: string) => Promise<TenantLimits>
  readonly clock: Pick<Clock, 'now' | 'random'>
}

/** Limits how many objects of a kind, such as schedules, a tenant may have. */
export interface OwnedLimit {
  /**
   * @param known existing objects, for kinds that were listed anyway.
   * @throws RequestError `limit_reached`.
   */
  take(tenant: string, placed: PlaceHolder, known?: readonly PlaceHolder[]): Promise<void>
  leave(tenant: string, placed: PlaceHolder): Promise<void>
}

/** After a place is taken, its row is written within seconds; an older place without a row is free. */
const ORPHAN_MS = 60_000
const MAX_SAMPLED = 100

/**
 * Counts exactly, also with concurrent callers. Places of ended objects, and places whose row was never written, are searched
 * for only when no place is free, so that an end costs no write.
 *
 * @param isOpen whether the object of a place still counts.
 */
export function openOwnedLimit(
  { places, limitsOf, clock }: OwnedLimitDependencies,
  kind: 'schedules' | 'workflows',
  isOpen: (key: TaskKey) => Promise<boolean>,
): OwnedLimit {
  const freeGone = async (tenant: string, taken: readonly PlaceHolder[]): Promise<boolean> => {
    const old = taken.filter(({ since }) => since < clock.now() - ORPHAN_MS)
    const some = sample(old, MAX_SAMPLED, clock.random())
    const there = await Promise.all(some.map(({ id }) => isOpen({ tenant, id })))
    const gone = some.filter((_, index) => !there[index])
    if (gone.length > 0) await places.leave(tenant, kind, gone)
    return gone.length > 0
  }
  return {
    async take(tenant, placed, known = []) {
      const limits = await limitsOf(tenant)
      const most = limits[kind]
      if (most === undefined) return
      const refused = () => limitReached({ limit: kind, retryAfterMs: PLACES_RETRY_MS[kind] }, limits)
      if (known.filter(({ id }) => id !== placed.id).length >= most) throw refused()
      const full = await places.take(tenant, kind, placed, most, known)
      if (!full) return
      if (!(await freeGone(tenant, full.taken))) throw refused()
      if (await places.take(tenant, kind, placed, most, known)) throw refused()
    },
    async leave(tenant, placed) {
      if ((await limitsOf(tenant))[kind] !== undefined) await places.leave(tenant, kind, [placed])
    },
  }
}
