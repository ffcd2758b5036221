import { RequestError, UnavailableError } from '../../domain/errors.ts'
import {
  firesTheSame,
  haveEqualFields,
  nextPlanned,
  type Schedule,
  type ScheduleTimes,
  withScheduledTime,
} from '../../domain/schedule.ts'
import type { Task, TaskKey } from '../../domain/task.ts'
import type { ScheduleStore } from '../../ports/schedule-store.ts'
import type { OwnedLimit } from '../limits/limit-owned.ts'
import { type SubmitDependencies, submitTask } from '../submit/submit-task.ts'
import type { CancelDependencies } from '../tasks/cancel-task.ts'
import { cancelEarlyFirings } from './cancel-early-firings.ts'
import type { ScheduledSubmission } from './fire-schedule.ts'

export interface ScheduleDependencies extends SubmitDependencies, CancelDependencies {
  readonly schedules: ScheduleStore
  readonly times: ScheduleTimes
  readonly scheduleLimit?: OwnedLimit
}

/** Most schedules of one tenant. */
const MAX_SCHEDULES = 1_000
const MAX_TRIES = 10

/** The fields of a schedule that a caller sets. */
export type ScheduleDraft = Pick<
  Schedule,
  'name' | 'timing' | 'startAt' | 'endAt' | 'overlap' | 'missed' | 'jitterMs' | 'task' | 'submission'
>

export interface CreatedSchedule {
  readonly schedule: Schedule
  readonly isReplay: boolean
}

/**
 * @param bodyHash of the request in canonical form.
 * @throws RequestError `invalid_request` for a schedule that never fires, or too many schedules; `idempotency_key_reused` when
 * a schedule with this id was created by another request.
 */
export async function createSchedule(
  { schedules, times, clock, log, scheduleLimit }: ScheduleDependencies,
  key: TaskKey,
  draft: ScheduleDraft,
  bodyHash: string,
): Promise<CreatedSchedule> {
  const replayed = (schedule: Schedule): CreatedSchedule => {
    if ((schedule.bodyHash ?? bodyHash) === bodyHash) return { schedule, isReplay: true }
    throw new RequestError(
      'idempotency_key_reused',
      'This Idempotency-Key was used with another request body. Use a new key for a new schedule.',
      [{ path: 'Idempotency-Key', message: `belongs to schedule ${schedule.id}` }],
    )
  }
  const now = clock.now()
  const { schedules: known, cursor } = await schedules.list(key.tenant, MAX_SCHEDULES - 1)
  if (cursor !== undefined) throw tooMany()
  const placed = { id: key.id, since: now }
  // A replay of an existing schedule succeeds at the limit too.
  const existing = known.find(({ id }) => id === key.id)
  if (existing) return replayed(existing)
  // After the replay check, because a planned time that was valid at creation may have passed since.
  const nextAt = firstTime(times, draft, now)
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
    bodyHash,
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
    return replayed(outcome.existing)
  }
  log('schedule.created', { tenant: key.tenant, schedule_id: key.id })
  return { schedule, isReplay: false }
}

const tooMany = (): RequestError =>
  new RequestError('invalid_request', `A tenant can have ${MAX_SCHEDULES} schedules. Delete one first.`, [
    { path: '', message: `would be schedule ${MAX_SCHEDULES + 1} of at most ${MAX_SCHEDULES}.` },
  ])

/** @throws RequestError for a timing without a future planned time. */
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
      [{ path: fieldOfNoTime(draft), message: 'leaves no time to come.' }],
    )
  return nextAt
}

const fieldOfNoTime = ({ timing, endAt }: Pick<Schedule, 'timing' | 'endAt'>): string => {
  if (endAt !== undefined) return 'end_at'
  return timing.kind === 'once' ? 'at' : 'start_at'
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

/** Changes a schedule. Firings that were submitted early and have not begun are cancelled. */
export async function updateSchedule(
  dependencies: ScheduleDependencies,
  key: TaskKey,
  draftOf: (seen: Schedule) => Promise<ScheduleDraft>,
): Promise<Schedule> {
  return change(dependencies, key, async (seen, now) => {
    const draft = await draftOf(seen)
    // A new timing must have a future planned time; a schedule that has ended can still get other changes.
    const nextAt = haveEqualFields(['timing', 'startAt', 'endAt'], seen, draft)
      ? nextPlanned(dependencies.times, draft, now)
      : firstTime(dependencies.times, draft, now)
    if (firesTheSame(seen, draft)) return { ...seen, ...draft }
    const { nextAt: _next, startAt: _start, endAt: _end, ...rest } = seen
    return {
      ...rest,
      ...draft,
      edition: (seen.edition ?? 0) + 1,
      ...(seen.isPaused || nextAt === undefined ? {} : { nextAt }),
    }
  })
}

/** Stops a schedule from firing until it is resumed. Pausing a paused schedule succeeds. */
export const pauseSchedule = (dependencies: ScheduleDependencies, key: TaskKey): Promise<Schedule> =>
  change(dependencies, key, async (seen) => {
    const { nextAt: _next, ...rest } = seen
    return { ...rest, isPaused: true }
  })

/** Continues with the next planned time; times that passed during the pause are skipped. */
export const resumeSchedule = (dependencies: ScheduleDependencies, key: TaskKey): Promise<Schedule> =>
  change(dependencies, key, async (seen, now) => {
    if (!seen.isPaused) return seen
    const nextAt = nextPlanned(dependencies.times, seen, now)
    // Firings that the pause cancelled can be fired again.
    const edition = (seen.edition ?? 0) + 1
    return { ...seen, isPaused: false, edition, ...(nextAt === undefined ? {} : { nextAt }) }
  })

export async function deleteSchedule(dependencies: ScheduleDependencies, key: TaskKey): Promise<void> {
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const seen = await getSchedule(dependencies, key)
    refuseStageOwned(seen)
    if (!(await dependencies.schedules.remove(seen))) continue
    await cancelEarlyFirings(dependencies, seen)
    // On a failure the place stays taken; it is freed when a later call finds no free place.
    await dependencies.scheduleLimit
      ?.leave(key.tenant, { id: key.id, since: seen.createdAt })
      .catch(() => undefined)
    dependencies.log('schedule.deleted', { tenant: key.tenant, schedule_id: key.id })
    return
  }
  throw new UnavailableError('Too many at once change this schedule.')
}

/**
 * Runs the task of a schedule now, in addition to its planned times.
 *
 * @param idempotencyKey of the caller: the same key gives the same task.
 */
export async function runSchedule(
  dependencies: ScheduleDependencies,
  key: TaskKey,
  idempotencyKey?: string,
): Promise<{ readonly task: Task; readonly isReplay: boolean }> {
  const { tenant, id, submission } = await getSchedule(dependencies, key)
  const prepared = JSON.parse(submission) as ScheduledSubmission
  const { clock, ids } = dependencies
  return submitTask(dependencies, {
    ...prepared,
    tenant,
    input: withScheduledTime(prepared.input, clock.now()),
    bodyHash: ids.token(),
    // A separate name space, which does not depend on later changes of the schedule.
    ...(idempotencyKey === undefined
      ? {}
      : {
          idempotencyKey: `\u0000schedule-run/${id}/${idempotencyKey}`,
          bodyHash: `${id}/${idempotencyKey}`,
        }),
  })
}

async function change(
  dependencies: ScheduleDependencies,
  key: TaskKey,
  make: (seen: Schedule, now: number) => Promise<Schedule>,
): Promise<Schedule> {
  const { schedules, clock } = dependencies
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const seen = await getSchedule(dependencies, key)
    refuseStageOwned(seen)
    const next = await make(seen, clock.now())
    if (next === seen) return seen
    if (await schedules.replace(seen, next)) {
      if (next.isPaused || next.edition !== seen.edition) await cancelEarlyFirings(dependencies, seen)
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
