import { TIMING } from '../../../contract/timing.ts'
import { RequestError, UnavailableError } from '../../domain/errors.ts'
import {
  firingKey,
  nextPlanned,
  type Schedule,
  type ScheduleTimes,
  startOf,
  upcoming,
} from '../../domain/schedule.ts'
import { isFinal, type Task, type TaskKey } from '../../domain/task.ts'
import type { ScheduleStore } from '../../ports/schedule-store.ts'
import type { OwnedLimit } from '../limits/limit-owned.ts'
import { type SubmitDependencies, submitTask } from '../submit/submit-task.ts'
import { type CancelDependencies, cancelTask } from '../tasks/cancel-task.ts'
import type { ScheduledSubmission } from './fire-schedule.ts'

export interface ScheduleDependencies extends SubmitDependencies, CancelDependencies {
  readonly schedules: ScheduleStore
  readonly times: ScheduleTimes
  /** How many its tenant may have. */
  readonly scheduleLimit?: OwnedLimit
}

/** Schedules of one tenant. */
const MAX_SCHEDULES = 1_000
const TRIES = 10

/** What a caller may decide about a schedule; the rest is the product's. */
export type ScheduleDraft = Pick<
  Schedule,
  'name' | 'timing' | 'startAt' | 'endAt' | 'overlap' | 'missed' | 'jitterMs' | 'task' | 'submission'
>

/**
 * @throws RequestError `invalid_request` for a schedule that never fires, or one too many.
 */
export async function createSchedule(
  { schedules, times, clock, log, scheduleLimit }: ScheduleDependencies,
  key: TaskKey,
  draft: ScheduleDraft,
): Promise<Schedule> {
  const now = clock.now()
  const nextAt = firstTime(times, draft, now)
  const { schedules: known, cursor } = await schedules.list(key.tenant, MAX_SCHEDULES - 1)
  if (cursor !== undefined) throw tooMany()
  const placed = { id: key.id, since: now }
  // One that is there already is no further one: the same key is answered at the limit too.
  const existing = known.find(({ id }) => id === key.id)
  if (existing) return existing
  await scheduleLimit?.take(
    key.tenant,
    placed,
    known.flatMap(({ id, createdAt, source }) => (source === 'api' ? [{ id, since: createdAt }] : [])),
  )
  const schedule: Schedule = {
    ...key,
    ...draft,
    isPaused: false,
    source: 'api',
    createdAt: now,
    updatedAt: now,
    nextAt,
    fired: 0,
    missedCount: 0,
    version: 1,
  }
  const outcome = await schedules.create(schedule)
  if (!outcome.created) {
    if (outcome.existing.createdAt !== now) await scheduleLimit?.leave(key.tenant, placed)
    return outcome.existing
  }
  log('schedule.created', { tenant: key.tenant, schedule_id: key.id })
  return schedule
}

const tooMany = (): RequestError =>
  new RequestError('invalid_request', `A tenant can have ${MAX_SCHEDULES} schedules. Delete one first.`, [
    { path: '', message: `would be schedule ${MAX_SCHEDULES + 1} of at most ${MAX_SCHEDULES}.` },
  ])

/** @throws RequestError for a timing without a time to come. */
function firstTime(
  times: ScheduleTimes,
  draft: Pick<Schedule, 'timing' | 'startAt' | 'endAt'>,
  now: number,
): number {
  const nextAt = nextPlanned(times, draft, now)
  if (nextAt === undefined)
    throw new RequestError(
      'invalid_request',
      'The schedule never fires: no time is left between now and its end.',
      [{ path: draft.endAt === undefined ? 'at' : 'end_at', message: 'leaves no time to come.' }],
    )
  return nextAt
}

/** @throws RequestError `not_found`. */
export async function getSchedule(
  { schedules }: Pick<ScheduleDependencies, 'schedules'>,
  key: TaskKey,
): Promise<Schedule> {
  const schedule = await schedules.get(key)
  if (!schedule) throw new RequestError('not_found', `There is no schedule "${key.id}".`)
  return schedule
}

/** Changes a schedule; a firing that was submitted ahead of time and has not begun is taken back. */
export async function updateSchedule(
  dependencies: ScheduleDependencies,
  key: TaskKey,
  draftOf: (seen: Schedule) => Promise<ScheduleDraft>,
): Promise<Schedule> {
  return change(dependencies, key, async (seen, now) => {
    const draft = await draftOf(seen)
    const nextAt = firstTime(dependencies.times, draft, now)
    const { nextAt: _next, startAt: _start, endAt: _end, ...rest } = seen
    return { ...rest, ...draft, ...(seen.isPaused ? {} : { nextAt }) }
  })
}

/** Stops a schedule from firing until it is resumed. Pausing a paused one is fine. */
export const pauseSchedule = (dependencies: ScheduleDependencies, key: TaskKey): Promise<Schedule> =>
  change(dependencies, key, async (seen) => {
    const { nextAt: _next, ...rest } = seen
    return { ...rest, isPaused: true }
  })

/** Goes on from the next time to come: what passed in between is not made up for. */
export const resumeSchedule = (dependencies: ScheduleDependencies, key: TaskKey): Promise<Schedule> =>
  change(dependencies, key, async (seen, now) => {
    if (!seen.isPaused) return seen
    const nextAt = nextPlanned(dependencies.times, seen, now)
    return { ...seen, isPaused: false, ...(nextAt === undefined ? {} : { nextAt }) }
  })

export async function deleteSchedule(dependencies: ScheduleDependencies, key: TaskKey): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const seen = await getSchedule(dependencies, key)
    refuseStageOwned(seen)
    if (!(await dependencies.schedules.remove(seen))) continue
    await takeBack(dependencies, seen)
    // One that stays taken is found by whoever finds no other.
    await dependencies.scheduleLimit
      ?.leave(key.tenant, { id: key.id, since: seen.createdAt })
      .catch(() => undefined)
    dependencies.log('schedule.deleted', { tenant: key.tenant, schedule_id: key.id })
    return
  }
  throw new UnavailableError('Too many at once change this schedule.')
}

/** Runs the task of a schedule now, beside its planned times. */
export async function runSchedule(dependencies: ScheduleDependencies, key: TaskKey): Promise<Task> {
  const { tenant, submission } = await getSchedule(dependencies, key)
  const prepared = JSON.parse(submission) as ScheduledSubmission
  const token = dependencies.ids.token()
  const { task } = await submitTask(dependencies, { ...prepared, tenant, bodyHash: token })
  return task
}

async function change(
  dependencies: ScheduleDependencies,
  key: TaskKey,
  make: (seen: Schedule, now: number) => Promise<Schedule>,
): Promise<Schedule> {
  const { schedules, clock } = dependencies
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const seen = await getSchedule(dependencies, key)
    refuseStageOwned(seen)
    const next = await make(seen, clock.now())
    if (next === seen) return seen
    if (await schedules.replace(seen, next)) {
      await takeBack(dependencies, seen)
      return next
    }
    await clock.sleep(Math.round(clock.random() * 20 * tries))
  }
  throw new UnavailableError('Too many at once change this schedule.')
}

function refuseStageOwned({ source, name }: Schedule): void {
  if (source === 'stage')
    throw new RequestError(
      'wrong_state',
      `The schedule "${name}" belongs to the stage; change it in the stage's file.`,
    )
}

/**
 * Cancels firings that were submitted up to the look-ahead before their time and have not begun. Who pauses a schedule at
 * 08:59:30 does not expect the run of 09:00.
 */
async function takeBack(dependencies: ScheduleDependencies, seen: Schedule): Promise<void> {
  const { store, times, clock, ids } = dependencies
  const now = clock.now()
  for (const plannedAt of upcoming(times, seen, now - seen.jitterMs, 100)) {
    if (plannedAt > now + TIMING.lookAheadMs) break
    if (startOf(seen, plannedAt) <= now) continue
    const key = { tenant: seen.tenant, id: ids.derivedTaskId(seen.tenant, firingKey(seen.id, plannedAt)) }
    const task = await store.get(key)
    if (task && !isFinal(task.status) && task.attempt === 0)
      // It may begin in this moment: then it runs, as one that was planned a moment earlier would.
      await cancelTask(dependencies, key).catch(() => undefined)
  }
}
