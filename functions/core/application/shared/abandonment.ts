import { followUpsOf } from '../../domain/follow-ups.ts'
import { crashRecord, recorded } from '../../domain/history.ts'
import type { Task, TaskFailure } from '../../domain/task.ts'
import { failAbandoned } from '../../domain/transitions.ts'
import { retentionFrom } from './retention.ts'

/** Ends a task whose attempts all ended with their worker. */
export const abandonment = (task: Task, now: number, retentionDays: number) =>
  failAbandoned(task, now, {
    error: causeOf(task),
    ...(task.status === 'PROCESSING' ? { entry: recorded(task, crashRecord(task, now)) } : {}),
    retention: retentionFrom(now, retentionDays, task),
    pending: followUpsOf(task, 'FAILED'),
  })

/** A row whose last error nothing followed tells that one: its attempts were put off, and its worker did not end. */
const causeOf = (task: Task): TaskFailure =>
  task.status === 'RETRYING' && task.error
    ? task.error
    : {
        code: 'worker_crashed',
        message: 'Every worker that took the task ended before it did.',
        retryable: true,
      }
