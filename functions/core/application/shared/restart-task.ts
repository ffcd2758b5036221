import { OWED_BEFORE_RESTART } from '../../domain/follow-ups.ts'
import type { Status, Task, TaskKey } from '../../domain/task.ts'
import { restart } from '../../domain/transitions.ts'
import type { Parent } from '../../domain/workflow/workflow.ts'
import type { Changed } from '../../ports/task-store.ts'
import { type FollowUpDependencies, followUp } from './follow-up.ts'

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
 * Begins the next epoch of a final task, once per epoch. What its end still owes others is done first.
 *
 * @returns the row after the write, or the row that refused it.
 */
export async function restartTask(
  dependencies: FollowUpDependencies,
  key: TaskKey,
  { epoch, statuses, startAt, parent, isFromStart }: Restart,
): Promise<Changed> {
  const { store, clock } = dependencies
  const write = () => store.change(key, restart(epoch, clock.now(), statuses, startAt, parent, isFromStart))
  const first = await write()
  if (first.changed || !isOwing(first.task, epoch)) return first
  await followUp(dependencies, first.task)
  return write()
}

const isOwing = (task: Task | undefined, epoch: number): task is Task =>
  task?.epoch === epoch && OWED_BEFORE_RESTART.some((step) => task.pending?.includes(step))
