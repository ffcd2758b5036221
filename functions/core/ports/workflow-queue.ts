import type { TaskKey } from '../domain/task.ts'

/**
 * Asks for the next steps of a workflow, at least once. A message is only a nudge: a workflow whose next step is missing is
 * due in its row.
 */
export interface WorkflowQueue {
  /** @throws UnavailableError when the queue does not answer. */
  kick(workflow: TaskKey): Promise<void>
}
