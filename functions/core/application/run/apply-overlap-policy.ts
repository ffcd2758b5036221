import { followUpsOf } from '../../domain/follow-ups.ts'
import { isFinal, type Task } from '../../domain/task.ts'
import { skipFiring } from '../../domain/transitions.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { type CancelDependencies, cancelTask } from '../tasks/cancel-task.ts'

/** Most firings that are read back. Skipped firings point to the running one, so usually it is one. */
const MAX_STEPS = 20

/**
 * Applies a schedule's overlap policy when the previous firing still runs: skips this firing, or cancels the previous one.
 *
 * Decided when a firing starts and not when it is planned, up to 75 s earlier, because the previous one may end in between.
 * If the process stops after the claim, the lease ends and the next claim decides again.
 *
 * @returns whether this firing ended here.
 */
export async function applyOverlapPolicy(
  dependencies: CancelDependencies,
  task: Task,
  token: string,
): Promise<boolean> {
  const { store, clock, log, retentionDays } = dependencies
  const running = await findRunning(store, task)
  if (!running || !task.firing) return false
  if (task.firing.overlap === 'cancel_running') {
    // The running task may end at this moment; then there is nothing to cancel.
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
    // A firing that was skipped, cancelled or expired never ran, so the one before it may still run.
    previous =
      before.attempt === 0 || before.error?.code === 'schedule_overlap' ? before.firing?.previous : undefined
  }
  return undefined
}
