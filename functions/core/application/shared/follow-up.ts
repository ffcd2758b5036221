import { causeFields } from '../../domain/errors.ts'
import { type FollowUp, pendingOf } from '../../domain/follow-ups.ts'
import type { Tallied } from '../../domain/tally.ts'
import type { Task } from '../../domain/task.ts'
import { followUpsDone } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { taskFields } from './task-fields.ts'

/**
 * The steps that this function may do. Each is idempotent and throws when it could not be done; the answer `later` says that it is not
 * time yet. One that is left out stays pending for the sweeper, which may do all.
 */
export type FollowUpSteps = {
  readonly [Step in Exclude<FollowUp, 'tally'>]?: (task: Task) => Promise<unknown>
} & { readonly tally?: TallyStep }

/** @returns what the row must say was added. */
export interface TallyStep {
  (task: Task): Promise<Tallied>
  /** The row says so now. */
  confirm(task: Task): void
}

export interface FollowUpDependencies {
  readonly store: TaskStore
  readonly clock: Clock
  readonly log: Log
  readonly followUps: FollowUpSteps
}

/**
 * Does what must follow the end of a task, and takes it off the row's list. The ending write came before, with a due
 * time: dying anywhere here is repaired by the sweeper, at the price of a step done twice.
 *
 * @returns what is still to be done. Never throws: what failed stays on the list.
 */
export async function followUp(
  { store, clock, log, followUps }: FollowUpDependencies,
  task: Task,
): Promise<readonly FollowUp[]> {
  const pending = pendingOf(task)
  if (pending.length === 0) return []
  const left: FollowUp[] = []
  let tallied: Tallied | undefined
  for (const step of pending) {
    try {
      const perform = followUps[step]
      const done = await perform?.(task)
      if (step === 'tally' && done) tallied = done as Tallied
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
    // The row is due with what came meanwhile: the sweeper does it.
    if (!written.changed && tallied) return [...left, 'tally']
  } catch (error) {
    log('follow_up.failed', { ...taskFields(task), ...causeFields(error) })
  }
  return left
}
