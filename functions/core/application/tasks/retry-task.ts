import { RequestError } from '../../domain/errors.ts'
import { messageOf, RETRYABLE_STATUSES, type Task, type TaskKey } from '../../domain/task.ts'
import { markSendFailed, restart } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskQueue } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { taskFields } from '../shared/task-fields.ts'
import { getTask } from './get-task.ts'

export interface RetryDependencies {
  readonly store: TaskStore
  readonly queue: TaskQueue
  readonly clock: Clock
  readonly log: Log
}

/**
 * Starts the next epoch of a task that failed, was cancelled or expired. Two callers at once start one epoch: the
 * write is conditional on the epoch that was read.
 *
 * @throws RequestError `not_found`, or `wrong_state` when the task is unfinished or has a result.
 */
export async function retryTask(
  { store, queue, clock, log }: RetryDependencies,
  key: TaskKey,
): Promise<Task> {
  const seen = await getTask({ store }, key)
  const now = clock.now()
  const { changed, task } = await store.change(key, restart(seen.epoch, now))
  if (!changed || !task) {
    const status = task?.status ?? seen.status
    throw new RequestError(
      'wrong_state',
      `The task is ${status}; only a task that is ${RETRYABLE_STATUSES.join(', ')} can be retried.`,
    )
  }
  try {
    await queue.send(task.lane, messageOf(task))
  } catch (error) {
    log('task.unsent', { ...taskFields(task), cause: String(error) })
    await store.change(key, markSendFailed(task.epoch, now)).catch(() => undefined)
  }
  log('task.restarted', taskFields(task))
  return task
}
