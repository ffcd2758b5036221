import type { Lane } from '../../../contract.ts'
import { isFinal, messageEpoch, type Task, type TaskMessage } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DeadLetters } from '../../ports/dead-letters.ts'
import type { TaskStore } from '../../ports/task-store.ts'

export interface PruneDependencies {
  readonly store: TaskStore
  readonly deadLetters: DeadLetters
  readonly clock: Clock
}

/** Receives side by side; each answers with ten messages at most. */
const AT_ONCE = 10

/**
 * Deletes dead letters whose task has moved on, so that the dead-letter queue lists what is failed now and its alarm
 * clears when nothing is.
 *
 * @param rounds receives of ten messages each; one of which most are deleted is worth another, so that a redrive of a million
 * is followed at its own pace.
 * @returns how many were deleted.
 */
export async function pruneDeadLetters(
  { store, deadLetters, clock }: PruneDependencies,
  lane: Lane,
  rounds: number,
  stopAt: number,
): Promise<number> {
  let deleted = 0
  let left = rounds
  const kept: string[] = []
  const receiveSome = async () => {
    while (left > 0 && clock.now() <= stopAt) {
      left -= 1
      const messages = await deadLetters.receiveDead(lane)
      if (messages.length === 0) return
      const keys = new Map(messages.flatMap(({ message }) => (message ? [[nameOf(message), message]] : [])))
      const tasks = await store.getMany([...keys.values()])
      const taskOf = new Map(tasks.map((task) => [nameOf(task), task]))
      const over = messages.filter(
        ({ message }) => message !== undefined && isObsolete(message, taskOf.get(nameOf(message))),
      )
      for (const { receipt } of messages.filter((one) => !over.includes(one))) kept.push(receipt)
      await deadLetters.deleteDead(
        lane,
        over.map(({ receipt }) => receipt),
      )
      deleted += over.length
      if (over.length > messages.length / 2) left += 1
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, rounds) }, receiveSome))
  } finally {
    // Kept messages were invisible during the scan to avoid receiving them twice. Make them visible again, so that the
    // depth alarm counts them.
    await deadLetters.showDead(lane, kept)
  }
  return deleted
}

const nameOf = ({ tenant, id }: Pick<Task, 'tenant' | 'id'>): string => JSON.stringify([tenant, id])

/** Unmarked messages were dead-lettered by SQS (maxReceiveCount). Once the row is final and its own dead letter is sent, they are redundant. */
function isObsolete(message: TaskMessage, task: Task | undefined): boolean {
  if (!task || task.epoch > message.epoch) return true
  if (!message.dead)
    return isFinal(task.status) && task.dueAt === undefined && task.epoch >= messageEpoch(message)
  return task.status !== 'FAILED'
}
