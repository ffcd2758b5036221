import type { KeptStep } from '../domain/step.ts'
import type { TaskKey } from '../domain/task.ts'

/**
 * Stores the checkpoints of tasks, each as an item beside the task's row.
 *
 * They are not guarded by the lease: the first value stored stays, even if it comes from an attempt that has lost its task
 * meanwhile. So a result already paid for is not paid for again.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface StepStore {
  /**
   * Stores a step unless its key already has a value.
   * @param reapAt seconds since 1970; from then on the store may delete it by itself.
   * @returns the stored step.
   */
  keep(task: TaskKey, step: KeptStep, reapAt: number): Promise<KeptStep>
  /** The steps of one run of the task, oldest first, strongly consistent. */
  list(task: TaskKey, life: string): Promise<readonly KeptStep[]>
  /** Deletes all steps of the task, of all its runs. @returns the deleted steps, whose payloads must be deleted too. */
  removeAll(task: TaskKey): Promise<readonly KeptStep[]>
}
