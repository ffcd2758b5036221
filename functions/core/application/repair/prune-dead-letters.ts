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

/** Concurrent receives, of at most ten messages each. */
const CONCURRENCY = 10

/**
 * Deletes dead letters whose task is no longer failed, so that the dead-letter queue lists only current failures and its
 * alarm clears when there are none.
 *
 * @param rounds receives of ten messages each. When most messages of a receive are deleted, one more follows, so that the
 * dead letters of a redrive of a million tasks are deleted as well.
 * @returns the number of deleted messages.
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
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, rounds) }, receiveSome))
  } finally {
    // Kept messages were invisible during the scan to avoid receiving them twice. Make them visible again, so that the
    // depth alarm counts them.
    await deadLetters.showDead(lane, kept)
  }
  return deleted
}

const nameOf = ({ tenant, id }: Pick<Task, 'tenant' | 'id'>): string => JSON.stringify([tenant, id])

/** SQS itself moved unmarked messages here (maxReceiveCount). They are redundant when the row is final and its dead letter sent. */
function isObsolete(message: TaskMessage, task: Task | undefined): boolean {
  if (!task || task.epoch > message.epoch) return true
  if (!message.dead)
    return isFinal(task.status) && task.dueAt === undefined && task.epoch >= messageEpoch(message)
  return task.status !== 'FAILED'
}
