import { sendDeadLetter } from '../core/application/shared/dead-letter.ts'
import type { FollowUpSteps } from '../core/application/shared/follow-up.ts'
import type { TaskQueue } from '../core/ports/task-queue.ts'
import { log } from './lambda.ts'

/**
 * What a function may do after a task's end. Steps that it has no right to do stay pending for the sweeper.
 *
 * @param queue with dead-letter queues, where the function may send to them.
 */
export const openFollowUps = (queue?: TaskQueue): FollowUpSteps => ({
  ...(queue ? { dead_letter: (task) => sendDeadLetter({ queue, log }, task) } : {}),
})
