import { TIMING } from '../../../contract/timing.ts'
import { RequestError } from '../../domain/errors.ts'
import {
  firingKey,
  firingStartOf,
  planFirings,
  type Schedule,
  type ScheduleTimes,
  withScheduledTime,
} from '../../domain/schedule.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { ScheduleStore } from '../../ports/schedule-store.ts'
import { type Submission, type SubmitDependencies, submitTask } from '../submit/submit-task.ts'
import { type CancelEarlyFiringsDependencies, cancelEarlyFirings } from './cancel-early-firings.ts'

export interface FireDependencies extends SubmitDependencies, CancelEarlyFiringsDependencies {
  readonly schedules: ScheduleStore
  readonly times: ScheduleTimes
}

/** The submission stored in a schedule: everything that was decided when it was created. */
export type ScheduledSubmission = Omit<
  Submission,
  'tenant' | 'idempotencyKey' | 'bodyHash' | 'runAt' | 'firing'
>

/**
 * Submits the planned times of a due schedule up to the look-ahead, then moves the row to its next due time.
 *
 * If the process stops in between, the submits are repeated; their ids are derived from schedule and planned time, so each
 * makes one task. Two sweepers at once do the same, and one of their writes succeeds.
 */
export async function fireSchedule(dependencies: FireDependencies, key: TaskKey): Promise<void> {
  const { schedules, times, clock, log } = dependencies
  const seen = await schedules.get(key)
  if (!seen || seen.isPaused || seen.nextAt === undefined) return
  const now = clock.now()
  const { planned, missed, nextAt } = planFirings(times, seen, now, now + TIMING.lookAheadMs)
  if (planned.length === 0 && missed === 0 && nextAt === seen.nextAt) return
  let last: Schedule = seen
  let refused = 0
  for (const plannedAt of planned)
    try {
      last = await fireOne(dependencies, last, plannedAt)
    } catch (error) {
      // The tenant's limits refuse this firing; the next planned time is tried again.
      if (!(error instanceof RequestError)) throw error
      refused += 1
      const { code, message } = error
      last = { ...last, lastRefused: { plannedAt, code, message: message.slice(0, 300) } }
      log('schedule.refused', {
        tenant: key.tenant,
        schedule_id: key.id,
        planned_at: plannedAt,
        code,
        message,
      })
    }
  const { nextAt: _next, ...rest } = last
  const moved = await schedules.replace(seen, {
    ...rest,
    ...(nextAt === undefined ? {} : { nextAt }),
    fired: seen.fired + planned.length - refused,
    missedCount: seen.missedCount + missed + refused,
  })
  if (!moved) await takeBackOutdated(dependencies, seen)
  if (moved && missed > 0) log('schedule.missed', { tenant: key.tenant, schedule_id: key.id, missed })
}

/** The schedule was paused, changed or deleted during the firing, by a call that did not yet see the submitted tasks. */
async function takeBackOutdated(dependencies: FireDependencies, seen: Schedule): Promise<void> {
  const now = await dependencies.schedules.get(seen)
  if (!now || now.isPaused || now.edition !== seen.edition) await cancelEarlyFirings(dependencies, seen)
}

/** @returns the schedule with this firing as its latest. */
async function fireOne(
  dependencies: FireDependencies,
  schedule: Schedule,
  plannedAt: number,
): Promise<Schedule> {
  const { tenant, id, overlap, lastTaskId } = schedule
  const submission = JSON.parse(schedule.submission) as ScheduledSubmission
  const { expiresInMs } = submission
  const runAt = firingStartOf(schedule, plannedAt)
  const { task } = await submitTask(dependencies, {
    ...submission,
    tenant,
    input: withScheduledTime(submission.input, plannedAt),
    runAt,
    // The task is submitted early, and its start deadline counts from the planned time.
    ...(expiresInMs === undefined
      ? {}
      : { expiresInMs: expiresInMs + Math.max(0, runAt - dependencies.clock.now()) }),
    idempotencyKey: firingKey(schedule, plannedAt),
    bodyHash: firingKey(schedule, plannedAt),
    firing: {
      schedule: id,
      plannedAt,
      ...(overlap === 'allow' ? {} : { overlap }),
      ...(overlap === 'allow' || lastTaskId === undefined ? {} : { previous: lastTaskId }),
    },
  })
  dependencies.log('schedule.fired', { tenant, schedule_id: id, task_id: task.id, planned_at: plannedAt })
  return { ...schedule, lastPlannedAt: plannedAt, lastTaskId: task.id }
}
