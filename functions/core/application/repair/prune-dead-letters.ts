import type { Lane } from '../../../contract.ts'
import { isFinal, messageEpoch, type Task, type TaskMessage } from '../../domain/task.ts'
import type { TaskQueue } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'

/**
 * Deletes dead letters whose task has moved on, so that the dead-letter queue lists what is failed now and its alarm
 * clears when nothing is.
 *
 * @param rounds receives of ten messages each.
 * @returns how many were deleted.
 */
export async function pruneDeadLetters(
  { store, queue }: { readonly store: TaskStore; readonly queue: TaskQueue },
  lane: Lane,
  rounds: number,
): Promise<number> {
  let deleted = 0
  const kept: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    const messages = await queue.receiveDead(lane)
    if (messages.length === 0) break
    const over: string[] = []
    await Promise.all(
      messages.map(async ({ message, receipt }) => {
        const isGone = message !== undefined && isObsolete(message, await store.get(message))
        ;(isGone ? over : kept).push(receipt)
      }),
    )
    await queue.deleteDead(lane, over)
    deleted += over.length
  }
  // Kept messages were invisible during the scan to avoid receiving them twice. Make them visible again, so that the depth
  // alarm counts them.
  await queue.showDead(lane, kept)
  return deleted
}

/** Unmarked messages were dead-lettered by SQS (maxReceiveCount). Once the row is final and its own dead letter is sent, they are redundant. */
function isObsolete(message: TaskMessage, task: Task | undefined): boolean {
  if (!task || task.epoch > message.epoch) return true
  if (!message.dead)
    return isFinal(task.status) && task.dueAt === undefined && task.epoch >= messageEpoch(message)
  return task.status !== 'FAILED'
}
