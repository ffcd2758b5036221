import { causeFields } from '../../domain/errors.ts'
import { messageOf, type Task } from '../../domain/task.ts'
import { markSendFailed } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { taskFields } from './task-fields.ts'

export interface EnqueueDependencies {
  readonly store: TaskStore
  readonly queue: MessageSender
  readonly clock: Clock
  readonly log: Log
}

/**
 * Sends the message of a row that was just written. Never throws: the row is due, so that a crash here loses nothing, and a
 * failed send makes it due at once.
 *
 * @param startAt when the message becomes visible, at most 15 minutes ahead.
 */
export async function enqueue(
  { store, queue, clock, log }: EnqueueDependencies,
  task: Task,
  startAt = 0,
): Promise<void> {
  const now = clock.now()
  const delaySeconds = Math.max(0, Math.ceil((startAt - now) / 1_000))
  try {
    await queue.send(task.lane, messageOf(task), delaySeconds)
  } catch (error) {
    log('task.unsent', { ...taskFields(task), ...causeFields(error) })
    await store.change(task, markSendFailed(task.epoch, now)).catch(() => undefined)
  }
}
