import { messageOf, type Task } from '../../domain/task.ts'
import { markDeadLetterSent } from '../../domain/transitions.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskQueue } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { taskFields } from './task-fields.ts'

/**
 * Puts a failed task into its lane's dead-letter queue, then clears its due time. The failing write came before, with
 * a due time: dying between any two of the three is repaired by the sweeper, at the price of a second dead letter of
 * the same epoch, which is harmless.
 *
 * @throws UnavailableError when either did not answer.
 */
export async function deadLetter(
  { store, queue, log }: { readonly store: TaskStore; readonly queue: TaskQueue; readonly log: Log },
  task: Task,
): Promise<void> {
  const dead = { code: task.error?.code ?? 'task_failed', attempts: task.attempt }
  await queue.sendDead(task.lane, { ...messageOf(task), dead })
  await store.change(task, markDeadLetterSent(task.epoch))
  log('task.dead_lettered', { ...taskFields(task), code: dead.code })
}
