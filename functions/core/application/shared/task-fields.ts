import type { Task } from '../../domain/task.ts'
import { traceIdOf } from '../../domain/trace.ts'

/** What every log line about a task says of it. */
export const taskFields = (task: Task) => ({
  tenant: task.tenant,
  task_id: task.id,
  trace_id: traceIdOf(task),
  type: task.type,
  lane: task.lane,
  epoch: task.epoch,
  attempt: task.attempt,
})
