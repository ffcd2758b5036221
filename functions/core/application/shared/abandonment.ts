import { followUpsOf } from '../../domain/follow-ups.ts'
import { appendToHistory, attemptsWithUnknownUsage, crashRecord } from '../../domain/history.ts'
import { addUsage } from '../../domain/model-usage.ts'
import { stepLifeOf } from '../../domain/step.ts'
import type { Task, TaskFailure, Usage } from '../../domain/task.ts'
import { failAbandoned, type Transition } from '../../domain/transitions.ts'
import type { StepStore } from '../../ports/step-store.ts'
import { retentionFrom } from './retention.ts'

export interface AbandonmentDependencies {
  readonly steps: Pick<StepStore, 'list'>
  readonly retentionDays: number
}

/** The end of a task all of whose attempts crashed their worker. Their usage is read from the checkpoints. */
export async function abandonment(
  { steps, retentionDays }: AbandonmentDependencies,
  task: Task,
  now: number,
): Promise<Transition> {
  const last = task.status === 'PROCESSING' ? crashRecord(task, now) : undefined
  const lost = [...attemptsWithUnknownUsage(task), ...(last ? [last] : [])]
  const kept = task.stepsSince === undefined ? [] : await steps.list(task, stepLifeOf(task))
  const usage = kept
    .filter(({ epoch, attempt }) =>
      lost.some((record) => record.epoch === epoch && record.attempt === attempt),
    )
    .reduce((sum: Usage | undefined, step) => (sum ? addUsage(sum, step.usage) : step.usage), task.usage)
  return failAbandoned(task, now, {
    error: causeOf(task),
    ...(usage ? { usage } : {}),
    ...(last ? { entry: appendToHistory(task, last) } : {}),
    retention: retentionFrom(now, retentionDays, task),
    pending: followUpsOf(task, 'FAILED'),
  })
}

/** The last error, if its attempts were delayed rather than crashed. */
const causeOf = (task: Task): TaskFailure =>
  task.status === 'RETRYING' && task.error
    ? task.error
    : {
        code: 'worker_crashed',
        message: 'Every worker that took the task ended before it did.',
        retryable: true,
      }
