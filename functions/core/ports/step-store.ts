import type { KeptStep } from '../domain/step.ts'
import type { TaskKey } from '../domain/task.ts'

/**
 * Keeps the checkpoints of tasks, each an item beside the task's row.
 *
 * No lease guards them: whoever has a value first keeps it, also an attempt that has lost its task meanwhile. What was
 * paid for is then not paid for again.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface StepStore {
  /**
   * Keeps a step unless its key has a value already.
   * @param reapAt seconds since 1970; from then on the store may drop it by itself.
   * @returns the step that stands.
   */
  keep(task: TaskKey, step: KeptStep, reapAt: number): Promise<KeptStep>
  /** The steps of one life, oldest first, strongly consistent. */
  list(task: TaskKey, life: string): Promise<readonly KeptStep[]>
  /** Deletes all steps of the task, of whatever life. @returns what was deleted, for its payloads. */
  removeAll(task: TaskKey): Promise<readonly KeptStep[]>
}
