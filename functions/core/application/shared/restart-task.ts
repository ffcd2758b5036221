import type { Held } from '../../domain/budget.ts'
import { OWED_BEFORE_RESTART } from '../../domain/follow-ups.ts'
import { RETRYABLE_STATUSES, type Status, type Task, type TaskKey } from '../../domain/task.ts'
import { restart } from '../../domain/transitions.ts'
import type { Parent } from '../../domain/workflow/workflow.ts'
import type { Changed } from '../../ports/task-store.ts'
import type { Admission } from '../submit/submit-task.ts'
import { type FollowUpDependencies, followUp } from './follow-up.ts'

export interface RestartDependencies extends FollowUpDependencies {
  /** Lets the next epoch in by its tenant's limits. */
  readonly admission?: Admission
}

export interface Restart {
  readonly epoch: number
  readonly statuses?: readonly Status[]
  /** When the next epoch may begin. */
  readonly startAt?: number
  readonly parent?: Parent
  /** Forgets the checkpoints. */
  readonly isFromStart?: boolean
}

/**
 * Begins the next epoch of a final task, once per epoch. What must still follow its end is done first: also the money
 * that was held for it, before as much is held again.
 *
 * Dying after the place was taken leaves it to the next who retries, or to whoever finds no other.
 *
 * @returns the row after the write, or the row that refused it.
 * @throws RequestError `limit_reached`, `budget_exhausted`: the task stays as it ended.
 */
export async function restartTask(
  dependencies: RestartDependencies,
  key: TaskKey,
  { epoch, statuses = RETRYABLE_STATUSES, startAt, parent, isFromStart }: Restart,
): Promise<Changed> {
  const { store, clock, admission } = dependencies
  const write = (held?: Held) =>
    store.change(key, restart(epoch, clock.now(), statuses, startAt, { parent, isFromStart, held }))
  if (!admission) {
    let begun = await write()
    for (
      let round = 0;
      round < ROUNDS && !begun.changed && begun.task && isOwing(begun.task, epoch);
      round += 1
    ) {
      await followUp(dependencies, begun.task)
      begun = await write()
    }
    return begun
  }
  let seen = await store.get(key)
  for (let round = 0; round < ROUNDS && seen && isOwing(seen, epoch); round += 1) {
    await followUp(dependencies, seen)
    seen = await store.get(key)
  }
  if (seen?.epoch !== epoch || !statuses.includes(seen.status) || isOwing(seen, epoch))
    return { changed: false, task: seen }
  const held = await admission.admit(seen, 'retry')
  const begun = await write(held && { ...held, before: seen.usage?.costMicroUsd ?? 0 })
  // Of two who retry at once one begins the epoch, with the place that both were given.
  if (!begun.changed && held && begun.task?.held?.at !== held.at) await admission.giveBack(key, held)
  return begun
}

/** A cancelled attempt may tell its usage in the very moment: then what follows is done once more, of the row as it is. */
const ROUNDS = 3

const isOwing = (task: Task | undefined, epoch: number): boolean =>
  task?.epoch === epoch && OWED_BEFORE_RESTART.some((step) => task.pending?.includes(step))
