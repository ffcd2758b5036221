import { mayStillSpend } from '../../domain/budget.ts'
import { RequestError, UnavailableError } from '../../domain/errors.ts'
import { RETRYABLE_STATUSES, type Task, type TaskKey } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { enqueue } from '../shared/enqueue.ts'
import type { FollowUpSteps } from '../shared/follow-up.ts'
import { restartTask } from '../shared/restart-task.ts'
import { taskFields } from '../shared/task-fields.ts'
import type { Admission } from '../submit/submit-task.ts'
import { getTask } from './get-task.ts'

export interface RetryDependencies {
  readonly store: TaskStore
  readonly queue: MessageSender
  readonly clock: Clock
  readonly log: Log
  readonly followUps: FollowUpSteps
  readonly admission?: Admission
  /** Called with the task as it was before. */
  readonly note?: (before: Task) => void
}

/**
 * Starts the next epoch of a task that failed, was cancelled or expired. Two callers at once start one epoch: the
 * write is conditional on the epoch that was read.
 *
 * @param options.isFromStart discards the checkpoints, so that all steps run again.
 * @throws RequestError `not_found`, or `wrong_state` when the task is unfinished or has a result.
 */
export async function retryTask(
  dependencies: RetryDependencies,
  key: TaskKey,
  { isFromStart = false }: { readonly isFromStart?: boolean } = {},
): Promise<Task> {
  const { store, log } = dependencies
  const seen = await getTask({ store }, key)
  if (seen.erasedAt !== undefined)
    throw new RequestError('wrong_state', 'What this task was given is deleted. Submit a new one.')
  const { changed, task } = await restartTask(dependencies, key, { epoch: seen.epoch, isFromStart })
  if (!changed && task?.epoch === seen.epoch && task.held && mayStillSpend(task, dependencies.clock.now()))
    throw new RequestError(
      'wrong_state',
      'Its cancelled attempt still stops, and what it spends is counted first. Try again in a minute.',
    )
  if (!changed && task?.epoch === seen.epoch && task.pending)
    throw new UnavailableError('What follows the end of this task is still under way. Try again in a minute.')
  if (!changed || !task) {
    const status = task?.status ?? seen.status
    throw new RequestError(
      'wrong_state',
      `The task is ${status}; only a task that is ${RETRYABLE_STATUSES.join(', ')} can be retried.`,
    )
  }
  dependencies.note?.(seen)
  await enqueue(dependencies, task)
  log('task.restarted', taskFields(task))
  return task
}
