import { messageOf, type Task } from '../../domain/task.ts'
import type { DeadLetters } from '../../ports/dead-letters.ts'
import type { Log } from '../../ports/log.ts'
import { taskFields } from './task-fields.ts'

/**
 * Puts a failed task into its lane's dead-letter queue. A second dead letter of the same epoch is harmless.
 *
 * @throws UnavailableError when the queue did not answer.
 */
export async function sendDeadLetter(
  { deadLetters, log }: { readonly deadLetters: Pick<DeadLetters, 'sendDead'>; readonly log: Log },
  task: Task,
): Promise<void> {
  const dead = { code: task.error?.code ?? 'task_failed', attempts: task.attempt }
  await deadLetters.sendDead(task.lane, { ...messageOf(task), dead })
  log('task.dead_lettered', { ...taskFields(task), code: dead.code })
}
