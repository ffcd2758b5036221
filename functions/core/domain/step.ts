/** Checkpoints of a task: what an attempt has finished and no later one does again. */
import type { Payload, Task, Usage } from './task.ts'
import type { Transition } from './transitions.ts'

/** What a checkpoint is known by. */
export interface StepKey {
  /** Which life of the task it belongs to, see `stepLifeOf`. */
  readonly life: string
  /** As the author calls it. */
  readonly name: string
  /** SHA-256 of what the author declares as its inputs. */
  readonly inputsHash: string
}

export interface KeptStep extends StepKey {
  /** JSON of what the step gave. */
  readonly value: Payload
  readonly epoch: number
  readonly attempt: number
  readonly startedAt: number
  readonly endedAt: number
  /** What its model calls used; left out when it made none. */
  readonly usage?: Usage
}

/** Names end up in a sort key of at most 1,024 bytes, and one character may take nine of them. */
export const MAX_STEP_NAME = 80
/** `GET /tasks/{id}` reads them all. */
export const MAX_STEPS = 2_000

/**
 * Steps of another life do not count: a task that reuses the id of an expired one has another `createdAt`, and one that
 * was retried from its start has another `stepsSince`. So an attempt of before that still runs cannot slip its values in.
 */
export const stepLifeOf = ({
  createdAt,
  stepsSince,
  epoch,
}: Pick<Task, 'createdAt' | 'stepsSince' | 'epoch'>): string =>
  `${createdAt.toString(36)}.${stepsSince ?? epoch}`

/** Says on the row that it has checkpoints, before the first is kept: readers and the cleanup look for them only then. */
export const markSteps = (token: string, epoch: number): Transition => ({
  name: 'markSteps',
  when: { statuses: ['PROCESSING'], token },
  set: { stepsSince: epoch },
})
