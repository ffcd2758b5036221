import type { TaskKey } from '../domain/task.ts'

/**
 * Asks for the next steps of a workflow, or for a delivery to be sent, at least once. A message is only a nudge: what it
 * asks for is also due in its row.
 */
export interface KickQueue {
  /** @throws UnavailableError when the queue does not answer. */
  kick(item: TaskKey, delaySeconds?: number): Promise<void>
}
