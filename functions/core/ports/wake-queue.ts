import type { TaskKey } from '../domain/task.ts'

/**
 * Sends a message for the next steps of a workflow, or for a delivery, at least once. A lost message only causes a delay,
 * because the row is also due.
 */
export interface WakeQueue {
  /** @throws UnavailableError when the queue does not answer. */
  wake(item: TaskKey, delaySeconds?: number): Promise<void>
}
