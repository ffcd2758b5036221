import { RequestError } from '../../domain/errors.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import { isFinal, type Task, type TaskKey } from '../../domain/task.ts'
import { cancel } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { type FollowUpSteps, followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { getTask } from './get-task.ts'

export interface CancelDependencies {
  readonly store: TaskStore
  readonly clock: Clock
  readonly log: Log
  readonly retentionDays: number
  readonly followUps: FollowUpSteps
  /** Told what it was before. */
  readonly note?: (before: Task) => void
}

/**
 * Cancels a task that is not finished, as one write. From then on no result lands; a running attempt notices within
 * moments and stops. Cancelling a cancelled task again is fine: callers repeat what they got no answer to.
 *
 * @throws RequestError `not_found`, or `wrong_state` when the task ended in another way.
 */
export async function cancelTask(dependencies: CancelDependencies, key: TaskKey): Promise<Task> {
  const { store, clock, log, retentionDays } = dependencies
  for (;;) {
    const seen = await getTask({ store }, key)
    if (seen.status === 'CANCELLED') return seen
    if (isFinal(seen.status))
      throw new RequestError(
        'wrong_state',
        `The task is ${seen.status}; only an unfinished task can be cancelled.`,
      )
    const now = clock.now()
    const end = {
      retention: retentionFrom(now, retentionDays, seen),
      pending: followUpsOf(seen, 'CANCELLED'),
    }
    const { changed, task } = await store.change(key, cancel(seen, now, end))
    // Refused: it ended, or began another epoch, between the two. The row as it is decides.
    if (!changed || !task) continue
    log('task.cancelled', taskFields(task))
    dependencies.note?.(seen)
    await followUp(dependencies, task)
    return task
  }
}
