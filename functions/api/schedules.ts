import type * as z from 'zod'
import { ENV, OPEN_TENANT } from '../contract.ts'
import type { ScheduleDraft } from '../core/application/schedule/change-schedule.ts'
import { isDeclaredId } from '../core/application/schedule/declare-schedules.ts'
import { invalid } from '../core/application/submit/prepare-submission.ts'
import { type FieldError, RequestError } from '../core/domain/errors.ts'
import { nextPlannedTimes, type Schedule, type Timing } from '../core/domain/schedule.ts'
import type { TaskKey } from '../core/domain/task.ts'
import { openFollowUpSteps } from '../hosts/follow-ups.ts'
import { openSchedules, readConfig } from '../hosts/lambda.ts'
import { openOwnedLimit } from '../hosts/limits.ts'
import { checkCron, describeTiming, scheduleTimes } from '../hosts/schedules.ts'
import type * as shapes from './schemas/schedule.ts'
import { iso } from './schemas/time.ts'
import { openSubmission, prepareBody } from './submission.ts'

export function openScheduleNeeds() {
  const submission = openSubmission()
  const schedules = openSchedules()
  return {
    ...submission,
    schedules,
    scheduleLimit: openOwnedLimit('schedules', async (key) => (await schedules.get(key)) !== undefined),
    times: scheduleTimes,
    followUps: openFollowUpSteps(),
    retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
    prepareTask: (tenant: string, body: unknown) => prepareBody(submission, tenant, body),
    // Tenants with keys of the product do not trust each other; callers with keys of the gateway may all operate the stage.
    areStageSchedulesShared: !['keys', 'iam'].includes(readConfig([ENV.auth]).AUTH),
  }
}
export type ScheduleNeeds = ReturnType<typeof openScheduleNeeds>

/** The key of a schedule's row: in the caller's tenant, or in the operators' for one in the stage's file. */
export const keyOf = (
  { areStageSchedulesShared }: Pick<ScheduleNeeds, 'areStageSchedulesShared'>,
  tenant: string,
  id: string,
): TaskKey => ({ tenant: areStageSchedulesShared && isDeclaredId(id) ? OPEN_TENANT : tenant, id })

const MAX_STAGE_SCHEDULES = 100

/** The schedules in the stage's file that a caller sees in addition to its own. */
export async function sharedSchedules(
  { areStageSchedulesShared, schedules }: ScheduleNeeds,
  tenant: string,
): Promise<readonly Schedule[]> {
  if (!areStageSchedulesShared || tenant === OPEN_TENANT) return []
  const page = await schedules.list(OPEN_TENANT, MAX_STAGE_SCHEDULES)
  return page.schedules.filter(({ source }) => source === 'stage')
}

type Body = z.output<typeof shapes.scheduleBody>

/** A schedule's row contains the task twice, as sent and as prepared, and a row has at most 400 kB. */
const MAX_TASK_BYTES = 150_000

/** @throws RequestError with a path per wrong field: exactly one timing, a cron that has a next time, a valid task. */
export async function draftOf(needs: ScheduleNeeds, tenant: string, body: Body): Promise<ScheduleDraft> {
  const timing = timingOf(body, needs.clock.now())
  // These fields belong to a single submission, not to a schedule's task.
  const misplaced = ['delay_seconds', 'run_at', 'deadline'].filter((field) => Object.hasOwn(body.task, field))
  const errors: FieldError[] = misplaced.map((field) => ({
    path: `task.${field}`,
    message: 'is not allowed in a schedule, which defines the time.',
  }))
  const bytes = Buffer.byteLength(JSON.stringify(body.task))
  if (bytes > MAX_TASK_BYTES)
    errors.push({
      path: 'task.input',
      message: `makes the task ${bytes} bytes; a schedule holds at most ${MAX_TASK_BYTES}. Send a large input as an upload.`,
    })
  const submission = await needs.prepareTask(tenant, body.task).catch((error) => {
    if (!(error instanceof RequestError)) throw error
    errors.push(
      ...error.errors.map(({ path, message }) => ({ path: path ? `task.${path}` : 'task', message })),
    )
    return undefined
  })
  if (errors.length > 0 || !submission) throw invalid(errors)
  const { tenant: _tenant, bodyHash: _hash, idempotencyKey: _key, runAt: _runAt, ...kept } = submission
  return {
    name: body.name ?? submission.type,
    timing,
    ...(body.start_at === undefined ? {} : { startAt: Date.parse(body.start_at) }),
    ...(body.end_at === undefined ? {} : { endAt: Date.parse(body.end_at) }),
    overlap: body.overlap ?? 'skip',
    missed: body.missed ?? 'skip',
    jitterMs: Math.round((body.jitter_seconds ?? 0) * 1_000),
    task: JSON.stringify(body.task),
    submission: JSON.stringify(kept),
  }
}

function timingOf({ cron, rate_seconds, at, timezone }: Body, now: number): Timing {
  const given = Object.entries({ cron, rate_seconds, at }).filter(([, value]) => value !== undefined)
  if (given.length !== 1)
    throw invalid([
      {
        path: given[1]?.[0] ?? 'cron',
        message: `must have exactly one of cron, rate_seconds, at, not ${given.length}.`,
      },
    ])
  if (timezone !== undefined && cron === undefined)
    throw invalid([{ path: 'timezone', message: 'goes with cron only.' }])
  if (cron !== undefined) {
    checkCron(cron, timezone ?? 'UTC')
    return { kind: 'cron', expression: cron, timezone: timezone ?? 'UTC' }
  }
  if (rate_seconds !== undefined)
    return { kind: 'rate', everyMs: Math.round(rate_seconds * 1_000), anchor: now }
  return { kind: 'once', at: Date.parse(at ?? '') }
}

/** The body that would create this schedule; an update starts from it. */
export const bodyOf = ({
  name,
  timing,
  startAt,
  endAt,
  overlap,
  missed,
  jitterMs,
  task,
}: Schedule): Body => ({
  name,
  ...(timing.kind === 'cron' ? { cron: timing.expression, timezone: timing.timezone } : {}),
  ...(timing.kind === 'rate' ? { rate_seconds: timing.everyMs / 1_000 } : {}),
  ...(timing.kind === 'once' ? { at: iso(timing.at) } : {}),
  ...(startAt === undefined ? {} : { start_at: iso(startAt) }),
  ...(endAt === undefined ? {} : { end_at: iso(endAt) }),
  overlap,
  missed,
  jitter_seconds: jitterMs / 1_000,
  task: JSON.parse(task),
})

export async function toScheduleJson(
  schedule: Schedule,
  base: string,
  now: number,
): Promise<z.input<typeof shapes.scheduleSchema>> {
  const { timing, isPaused } = schedule
  const self = `${base}/schedules/${encodeURIComponent(schedule.id)}`
  return {
    id: schedule.id,
    name: schedule.name,
    cron: timing.kind === 'cron' ? timing.expression : null,
    rate_seconds: timing.kind === 'rate' ? timing.everyMs / 1_000 : null,
    at: timing.kind === 'once' ? iso(timing.at) : null,
    timezone: timing.kind === 'cron' ? timing.timezone : null,
    in_words: await describeTiming(timing),
    start_at: iso(schedule.startAt),
    end_at: iso(schedule.endAt),
    overlap: schedule.overlap,
    missed: schedule.missed,
    jitter_seconds: schedule.jitterMs / 1_000,
    paused: isPaused,
    source: schedule.source,
    next_times: isPaused ? [] : nextPlannedTimes(scheduleTimes, schedule, now, 5).map((at) => iso(at)),
    fired: schedule.fired,
    missed_count: schedule.missedCount,
    last_planned_at: iso(schedule.lastPlannedAt),
    last_task_id: schedule.lastTaskId ?? null,
    last_refused: schedule.lastRefused
      ? {
          planned_at: iso(schedule.lastRefused.plannedAt),
          code: schedule.lastRefused.code,
          message: schedule.lastRefused.message,
        }
      : null,
    task: JSON.parse(schedule.task),
    created_at: iso(schedule.createdAt),
    updated_at: iso(schedule.updatedAt),
    links: { self, run: `${self}/run`, pause: `${self}/pause`, resume: `${self}/resume` },
  }
}
