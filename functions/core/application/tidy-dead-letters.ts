import type { Lane } from '../../contract.ts'
import { isFinal, messageEpoch, type Task, type TaskMessage } from '../domain/task.ts'
import type { TaskQueue } from '../ports/task-queue.ts'
import type { TaskStore } from '../ports/task-store.ts'

/**
 * Takes dead letters away whose task has moved on, so that the dead-letter queue lists what is failed now and its alarm
 * goes out when nothing is.
 *
 * @param rounds receives of ten letters each.
 * @returns how many were taken away.
 */
export async function tidyDeadLetters(
  { store, queue }: { readonly store: TaskStore; readonly queue: TaskQueue },
  lane: Lane,
  rounds: number,
): Promise<number> {
  let taken = 0
  const kept: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    const letters = await queue.receiveDead(lane)
    if (letters.length === 0) break
    const over: string[] = []
    await Promise.all(
      letters.map(async ({ message, receipt }) => {
        const isGone = message !== undefined && isOver(message, await store.get(message))
        ;(isGone ? over : kept).push(receipt)
      }),
    )
    await queue.deleteDead(lane, over)
    taken += over.length
  }
  // Hidden so far, so that the walk met each letter once; the alarm must go on seeing them.
  await queue.showDead(lane, kept)
  return taken
}

/** A letter without a mark came by its receive count; once its row is settled, the marked one stands for it. */
function isOver(message: TaskMessage, task: Task | undefined): boolean {
  if (!task || task.epoch > message.epoch) return true
  if (!message.dead)
    return isFinal(task.status) && task.dueAt === undefined && task.epoch >= messageEpoch(message)
  return task.status !== 'FAILED'
}
