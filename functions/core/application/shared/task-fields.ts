import type { Task } from '../../domain/task.ts'
import { traceIdOf } from '../../domain/trace.ts'

/** Fields of every log line about a task. */
export const taskFields = (task: Task) => ({
  tenant: task.tenant,
  task_id: task.id,
  trace_id: traceIdOf(task),
  type: task.type,
  lane: task.lane,
  epoch: task.epoch,
  attempt: task.attempt,
})
