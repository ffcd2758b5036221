import { limitReached, type TenantLimits } from '../../domain/limits.ts'
import { isFinal } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { OpenTask, TenantMeter } from '../../ports/tenant-meter.ts'

export interface AdmitDependencies {
  readonly meter: TenantMeter
  readonly store: Pick<TaskStore, 'get'>
  readonly limits: TenantLimits
  readonly clock: Clock
}

/** A submit writes its row within seconds of taking its place. */
const ORPHAN_MS = 60_000
/** Oldest places that are looked at when none is free. */
const LOOKS = 20

/**
 * Lets a submit in, or refuses it.
 *
 * A caller that dies between its place and its row leaves a place without a task. Nobody looks for those until none is
 * free: then the oldest are held against the rows, and what has ended or never was is given back.
 *
 * @returns whether the task holds a place, which its end must give back.
 * @throws RequestError `limit_reached`.
 */
export async function admitTask(
  { meter, store, limits, clock }: AdmitDependencies,
  tenant: string,
  taskId: string,
): Promise<boolean> {
  if (limits.openTasks === undefined && limits.submitsPerMinute === undefined) return false
  const take = () => meter.take(tenant, taskId, limits, clock.now())
  let refused = await take()
  if (refused?.limit === 'open_tasks' && (await freeOrphans(refused.open))) refused = await take()
  if (refused) throw limitReached(refused, limits)
  return limits.openTasks !== undefined

  async function freeOrphans(open: readonly OpenTask[]): Promise<boolean> {
    const old = open
      .filter(({ since }) => since < clock.now() - ORPHAN_MS)
      .sort((left, right) => left.since - right.since)
      .slice(0, LOOKS)
    const freed = await Promise.all(
      old.map(async ({ id }) => {
        const task = await store.get({ tenant, id })
        // An end that still owes its follow-ups gives the place back by itself.
        if (task && (!isFinal(task.status) || task.pending?.includes('release'))) return false
        await meter.release(tenant, id)
        return true
      }),
    )
    return freed.includes(true)
  }
}
