import { TIMING } from '../../../contract/timing.ts'
import {
  firingKey,
  firingStartOf,
  nextPlannedTimes,
  type Schedule,
  type ScheduleTimes,
} from '../../domain/schedule.ts'
import { isFinal } from '../../domain/task.ts'
import type { Ids } from '../../ports/clock.ts'
import { sideBySide } from '../shared/side-by-side.ts'
import { type CancelDependencies, cancelTask } from '../tasks/cancel-task.ts'

export interface CancelEarlyFiringsDependencies extends CancelDependencies {
  readonly times: ScheduleTimes
  readonly ids: Ids
}

/** Most planned times to check: a schedule that fires each second with a jitter of an hour has 3,675 that may not have begun. */
const MAX_PLANNED_TIMES = 4_000

/**
 * Cancels firings that were submitted early and have not begun. A user who pauses a schedule at 08:59:30 does not expect the
 * run of 09:00.
 */
export async function cancelEarlyFirings(
  dependencies: CancelEarlyFiringsDependencies,
  seen: Pick<Schedule, 'tenant' | 'id' | 'edition' | 'jitterMs' | 'timing' | 'startAt' | 'endAt'>,
): Promise<void> {
  const { store, times, clock, ids } = dependencies
  const now = clock.now()
  // From one second ago: the firing of this second may have been submitted just before the schedule was changed.
  const planned = nextPlannedTimes(
    times,
    seen,
    now - seen.jitterMs - 1,
    MAX_PLANNED_TIMES,
    now + TIMING.lookAheadMs,
  ).filter((plannedAt) => firingStartOf(seen, plannedAt) > now)
  await sideBySide(planned.length, async (index) => {
    const key = {
      tenant: seen.tenant,
      id: ids.derivedTaskId(seen.tenant, firingKey(seen, planned[index] ?? 0)),
    }
    const task = await store.get(key)
    if (task && !isFinal(task.status) && task.attempt === 0)
      // The task may begin at this moment; then it runs, as if it had been planned a moment earlier.
      await cancelTask(dependencies, key).catch(() => undefined)
  })
}
