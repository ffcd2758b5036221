import { causeFields } from '../../domain/errors.ts'
import { type FollowUp, pendingOf } from '../../domain/follow-ups.ts'
import type { TalliedUsage } from '../../domain/tally.ts'
import type { Task } from '../../domain/task.ts'
import { followUpsDone } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { taskFields } from './task-fields.ts'

/**
 * The follow-up steps that this function can do. Each is idempotent and throws when it failed; the answer `later` says that it
 * must be done later. A step that is left out stays pending for the sweeper, which can do all of them.
 */
export type FollowUpSteps = {
  readonly [Step in Exclude<FollowUp, 'tally'>]?: (task: Task) => Promise<unknown>
} & { readonly tally?: TallyStep }

/** @returns the usage that was added, to be written to the row. */
export interface TallyStep {
  (task: Task): Promise<TalliedUsage>
  /** Called after the row was written. */
  confirm(task: Task): void
}

export interface FollowUpDependencies {
  readonly store: TaskStore
  readonly clock: Clock
  readonly log: Log
  readonly followUps: FollowUpSteps
}

/**
 * Does the follow-ups of a task's end, and removes them from the row's list. The row is final and due before, so a crash
 * anywhere here is repaired by the sweeper, which may do a step twice.
 *
 * @returns the steps that are still pending. Never throws: failed steps stay in the list.
 */
export async function followUp(
  { store, clock, log, followUps }: FollowUpDependencies,
  task: Task,
): Promise<readonly FollowUp[]> {
  const pending = pendingOf(task)
  if (pending.length === 0) return []
  const left: FollowUp[] = []
  let tallied: TalliedUsage | undefined
  for (const step of pending) {
    try {
      const perform = followUps[step]
      const done = await perform?.(task)
      if (step === 'tally' && done) tallied = done as TalliedUsage
      if (!perform || done === 'later') left.push(step)
    } catch (error) {
      left.push(step)
      log('follow_up.failed', { ...taskFields(task), step, ...causeFields(error) })
    }
  }
  if (left.length === pending.length) return left
  const seen = { ...(task.dueAt === undefined ? {} : { dueAt: task.dueAt }), ...(tallied ? { tallied } : {}) }
  try {
    const written = await store.change(task, followUpsDone(task.epoch, clock.now(), left, seen))
    if (written.changed && tallied) followUps.tally?.confirm(task)
    // The row has changed meanwhile and is due: the sweeper does the rest.
    if (!written.changed && tallied) return [...left, 'tally']
  } catch (error) {
    log('follow_up.failed', { ...taskFields(task), ...causeFields(error) })
  }
  return left
}
