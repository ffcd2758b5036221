import { followUpsOf } from '../../domain/follow-ups.ts'
import type { AttemptRecord, Task } from '../../domain/task.ts'
import { failAbandoned } from '../../domain/transitions.ts'
import { retentionFrom } from './retention.ts'

/** Ends a task whose attempts all ended with their worker. */
export const abandonment = (task: Task, now: number, retentionDays: number) =>
  failAbandoned(task, now, {
    error: {
      code: 'worker_crashed',
      message: 'Every worker that took the task ended before it did.',
      retryable: true,
    },
    record: task.status === 'PROCESSING' ? crashRecord(task, now) : undefined,
    retention: retentionFrom(now, retentionDays, task),
    pending: followUpsOf(task, 'FAILED'),
  })

/** The record of an attempt whose worker ended before it did. */
export const crashRecord = (task: Task, now: number): AttemptRecord => ({
  epoch: task.epoch,
  attempt: task.attempt,
  startedAt: task.startedAt ?? now,
  endedAt: now,
  outcome: 'worker_crashed',
})
