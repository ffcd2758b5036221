import { followUpsOf } from '../../domain/follow-ups.ts'
import { isFinal, type Task } from '../../domain/task.ts'
import { skipFiring } from '../../domain/transitions.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { type CancelDependencies, cancelTask } from '../tasks/cancel-task.ts'

/** Firings that were skipped point at the one that ran, so the chain is short; this bounds it all the same. */
const MAX_STEPS = 20

/**
 * What a firing of a schedule does when the one before it still runs: skips itself, or cancels the other.
 *
 * It is decided when a firing starts and not when it is planned: it is planned up to 75 s ahead, and the one before may end
 * in between. Dying after the claim lets the lease end, and the next claim decides again.
 *
 * @returns whether this firing ended here.
 */
export async function meetOverlap(
  dependencies: CancelDependencies,
  task: Task,
  token: string,
): Promise<boolean> {
  const { store, clock, log, retentionDays } = dependencies
  const running = await findRunning(store, task)
  if (!running || !task.firing) return false
  if (task.firing.overlap === 'cancel_running') {
    // It may end by itself in this moment: then there is nothing to cancel.
    await cancelTask(dependencies, running).catch((error) =>
      log('schedule.overlap', { ...taskFields(task), cause: String(error) }),
    )
    return false
  }
  const now = clock.now()
  const end = { retention: retentionFrom(now, retentionDays, task), pending: followUpsOf(task, 'CANCELLED') }
  const skipped = await store.change(
    task,
    skipFiring(token, now, { ...task.firing, previous: running.id }, end),
  )
  if (!skipped.changed || !skipped.task) return true
  log('task.cancelled', { ...taskFields(task), code: 'schedule_overlap' })
  await followUp(dependencies, skipped.task)
  return true
}

async function findRunning(store: TaskStore, task: Task): Promise<Task | undefined> {
  let previous = task.firing?.previous
  for (let step = 0; previous !== undefined && step < MAX_STEPS; step += 1) {
    const before = await store.get({ tenant: task.tenant, id: previous })
    if (!before) return undefined
    if (!isFinal(before.status)) return before
    // One that was skipped, taken back or too late never ran: the one before it may still run.
    previous =
      before.attempt === 0 || before.error?.code === 'schedule_overlap' ? before.firing?.previous : undefined
  }
  return undefined
}
