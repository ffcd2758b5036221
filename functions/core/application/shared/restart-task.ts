import type { Reservation } from '../../domain/budget.ts'
import { REQUIRED_BEFORE_RESTART } from '../../domain/follow-ups.ts'
import { RETRYABLE_STATUSES, type Status, type Task, type TaskKey } from '../../domain/task.ts'
import { restart } from '../../domain/transitions.ts'
import type { Parent } from '../../domain/workflow/workflow.ts'
import type { ChangeResult } from '../../ports/task-store.ts'
import type { Admission } from '../submit/submit-task.ts'
import { type FollowUpDependencies, followUp } from './follow-up.ts'

export interface RestartDependencies extends FollowUpDependencies {
  /** Checks the tenant's limits for the next epoch. */
  readonly admission?: Admission
}

export interface Restart {
  readonly epoch: number
  readonly statuses?: readonly Status[]
  /** When the next epoch may begin. */
  readonly startAt?: number
  readonly parent?: Parent
  /** Discards the checkpoints. */
  readonly isFromStart?: boolean
}

/**
 * Begins the next epoch of a final task, once per epoch. The follow-ups of its end are done first; among them is the release
 * of its reserved money, before the same amount is reserved again.
 *
 * If the process stops after the place was taken, the next retry uses it, or a later search for free places frees it.
 *
 * @returns the row after the write, or the row that refused it.
 * @throws RequestError `limit_reached`, `budget_exhausted`: the task stays as it ended.
 */
export async function restartTask(
  dependencies: RestartDependencies,
  key: TaskKey,
  { epoch, statuses = RETRYABLE_STATUSES, startAt, parent, isFromStart }: Restart,
): Promise<ChangeResult> {
  const { store, clock, admission } = dependencies
  const write = (held?: Reservation) =>
    store.change(key, restart(epoch, clock.now(), statuses, startAt, { parent, isFromStart, held }))
  if (!admission) {
    let begun = await write()
    for (
      let round = 0;
      round < MAX_TRIES && !begun.changed && begun.task && isOwing(begun.task, epoch);
      round += 1
    ) {
      await followUp(dependencies, begun.task)
      begun = await write()
    }
    return begun
  }
  let seen = await store.get(key)
  for (let round = 0; round < MAX_TRIES && seen && isOwing(seen, epoch); round += 1) {
    await followUp(dependencies, seen)
    seen = await store.get(key)
  }
  if (seen?.epoch !== epoch || !statuses.includes(seen.status) || isOwing(seen, epoch))
    return { changed: false, task: seen }
  const held = await admission.admit(seen, 'retry')
  const begun = await write(held && { ...held, before: seen.usage?.costMicroUsd ?? 0 })
  // Of two concurrent retries one begins the epoch; both were given the same place.
  if (!begun.changed && held && begun.task?.held?.at !== held.at) await admission.giveBack(key, held)
  return begun
}

/** Tries: a cancelled attempt may write its usage meanwhile, and then the follow-ups are done once more. */
const MAX_TRIES = 3

const isOwing = (task: Task | undefined, epoch: number): boolean =>
  task?.epoch === epoch && REQUIRED_BEFORE_RESTART.some((step) => task.pending?.includes(step))
