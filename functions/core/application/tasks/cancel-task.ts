import { RequestError } from '../../domain/errors.ts'
import type { Task, TaskKey } from '../../domain/task.ts'
import { cancel } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { noSuchTask } from './get-task.ts'

export interface CancelDependencies {
  readonly store: TaskStore
  readonly clock: Clock
  readonly log: Log
  readonly retentionDays: number
}

/**
 * Cancels a task that is not finished, as one write. From then on no result lands; a running attempt notices within
 * moments and stops. Cancelling a cancelled task again is fine: callers repeat what they got no answer to.
 *
 * @throws RequestError `not_found`, or `wrong_state` when the task ended in another way.
 */
export async function cancelTask(
  { store, clock, log, retentionDays }: CancelDependencies,
  key: TaskKey,
): Promise<Task> {
  const now = clock.now()
  const { changed, task } = await store.change(key, cancel(now, retentionFrom(now, retentionDays)))
  if (!task) throw noSuchTask(key.id)
  if (!changed && task.status !== 'CANCELLED')
    throw new RequestError(
      'wrong_state',
      `The task is ${task.status}; only an unfinished task can be cancelled.`,
    )
  if (changed) log('task.cancelled', taskFields(task))
  return task
}
