/** Checkpoints of a task: results of steps that a later attempt reads instead of running the step again. */
import type { Payload, Task, Usage } from './task.ts'
import type { Transition } from './transitions.ts'

export interface StepKey {
  /** The run of the task that the checkpoint belongs to, see `stepLifeOf`. */
  readonly life: string
  /** The author's name for the step. */
  readonly name: string
  /** SHA-256 of the inputs that the author declares. */
  readonly inputsHash: string
}

export interface KeptStep extends StepKey {
  /** JSON of the step's result. */
  readonly value: Payload
  readonly epoch: number
  readonly attempt: number
  readonly startedAt: number
  readonly endedAt: number
  /** Usage of its model calls; left out when it made none. */
  readonly usage?: Usage
}

/** Names are part of a sort key of at most 1,024 bytes, and one character may take nine of them. */
export const MAX_STEP_NAME = 80
/** A limit, because `GET /tasks/{id}` reads all of them. */
export const MAX_STEPS = 2_000

/**
 * Separates checkpoints of different runs: a task that reuses the id of an expired one has another `createdAt`, and one that
 * was retried from its start has another `stepsSince`. So an older attempt that still runs cannot write into the new run.
 */
export const stepLifeOf = ({
  createdAt,
  stepsSince,
  epoch,
}: Pick<Task, 'createdAt' | 'stepsSince' | 'epoch'>): string =>
  `${createdAt.toString(36)}.${stepsSince ?? epoch}`

/** Marks the row before the first checkpoint is written: reads and the cleanup query checkpoints only for marked rows. */
export const markSteps = (token: string, epoch: number): Transition => ({
  name: 'markSteps',
  when: { statuses: ['PROCESSING'], token },
  set: { stepsSince: epoch },
})
