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
  /** Called with the task as it was before. */
  readonly note?: (before: Task) => void
}

/**
 * Cancels a task that is not finished, by one write. After it no result can be written; a running attempt notices within
 * about 2 s and stops. Cancelling a cancelled task again succeeds, because callers repeat calls without an answer.
 *
 * @throws RequestError `not_found`, or `wrong_state` when the task ended with another status.
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
    // Refused: the task ended, or began another epoch, after the read. Read it and decide again.
    if (!changed || !task) continue
    log('task.cancelled', taskFields(task))
    dependencies.note?.(seen)
    await followUp(dependencies, task)
    return task
  }
}
