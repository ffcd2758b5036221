import { followUpsOf } from '../../domain/follow-ups.ts'
import { isFinal } from '../../domain/task.ts'
import { cancel } from '../../domain/transitions.ts'
import { stepKey, type Workflow } from '../../domain/workflow/workflow.ts'
import { followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { sideBySide } from '../shared/side-by-side.ts'
import { taskFields } from '../shared/task-fields.ts'
import type { WorkflowDependencies } from './start-tasks.ts'

/**
 * How long a process that was creating tasks when the workflow ended may still run: Lambda's limit is 15 minutes. After that no
 * further task of this epoch can be created, and a second pass cancels those created meanwhile.
 */
const STARTER_MS = 16 * 60_000

/**
 * Cancels the open tasks of an ended workflow, then clears its due time.
 *
 * A task that belongs to a later epoch is not cancelled: the workflow was retried by hand meanwhile.
 */
export async function cancelOpenTasks(
  dependencies: WorkflowDependencies,
  seen: Workflow,
  stopAt: number,
): Promise<'done' | 'unfinished'> {
  const { store, workflows, clock, ids, log, retentionDays } = dependencies
  const { tenant, id: workflowId, epoch } = seen
  for (const [name, state] of Object.entries(seen.nodes)) {
    const { status, size = 0 } = state
    if (size === 0 || (status !== 'CANCELLED' && status !== 'FAILED')) continue
    const done = await sideBySide(
      size,
      async (index) => {
        const id = ids.derivedTaskId(tenant, stepKey(workflowId, name, index))
        for (;;) {
          const task = await store.get({ tenant, id })
          if (!task || isFinal(task.status) || task.parent?.epoch !== epoch) return
          const now = clock.now()
          // The workflow needs no report; webhooks, reservations, turns and statistics still follow.
          const pending = followUpsOf(task, 'CANCELLED').filter((step) => step !== 'parent')
          const end = { retention: retentionFrom(now, retentionDays, task), pending }
          const cancelled = await store.change(task, cancel(task, now, end))
          // Refused: an attempt began or ended after the read. Read it and decide again.
          if (!cancelled.changed) continue
          log('task.cancelled', taskFields(task))
          if (cancelled.task) await followUp(dependencies, cancelled.task)
          return
        }
      },
      0,
      () => clock.now() > stopAt,
    )
    if (done < size) return 'unfinished'
  }
  const isFirstLook = seen.finishedAt !== undefined && (seen.dueAt ?? 0) < seen.finishedAt + STARTER_MS
  const wasStarting = Object.values(seen.nodes).some(
    ({ status, size = 0, started = size }) =>
      (status === 'CANCELLED' || status === 'FAILED') && started < size,
  )
  const { dueAt: _due, ...rest } = seen
  const now = clock.now()
  const next =
    isFirstLook && wasStarting
      ? { ...rest, dueAt: (seen.finishedAt ?? now) + STARTER_MS }
      : { ...rest, ttl: retentionFrom(now, retentionDays).ttl }
  // Refused when the workflow was retried by hand meanwhile; then nothing is to be cleared.
  await workflows.replace(seen, next)
  return 'done'
}
