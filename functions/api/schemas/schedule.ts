import * as z from 'zod'
import { LIMITS } from '../../contract.ts'
import { MISSED, OVERLAPS } from '../../core/domain/schedule.ts'

const MAX_INTERVAL_SECONDS = 366 * 86_400

const timing = {
  cron: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Five fields, or six with seconds first: "0 9 * * MON-FRI". Names, L, # and W are allowed.'),
  rate_seconds: z.number().min(1).max(MAX_INTERVAL_SECONDS).optional().describe('Interval in seconds.'),
  at: z.iso.datetime({ offset: true }).optional().describe('Once, at this time (RFC 3339).'),
  timezone: z.string().min(1).max(64).optional().describe('IANA time zone of cron; UTC by default.'),
}

const rules = {
  name: z.string().min(1).max(100).optional(),
  start_at: z.iso.datetime({ offset: true }).optional(),
  end_at: z.iso.datetime({ offset: true }).optional(),
  overlap: z
    .enum(OVERLAPS)
    .optional()
    .describe(
      'When the previous firing still runs: skip this one (default), allow both, or cancel the previous one.',
    ),
  missed: z
    .enum(MISSED)
    .optional()
    .describe(
      'For planned times that passed during an outage: skip (default), run_once, or run_all (at most 100).',
    ),
  jitter_seconds: z
    .number()
    .min(0)
    .max(3_600)
    .optional()
    .describe('Each firing is delayed by 0 to this many seconds.'),
}

export const scheduleBody = z
  .strictObject({
    ...timing,
    ...rules,
    task: z
      .record(z.string(), z.unknown())
      .describe('A body of POST /tasks. {{scheduled_time}} in its input is replaced by the planned time.'),
  })
  .meta({ id: 'ScheduleRequest' })

export const schedulePatch = scheduleBody
  .partial()
  .extend({ start_at: rules.start_at.nullable(), end_at: rules.end_at.nullable() })
  .meta({ id: 'ScheduleChange' })

export const scheduleParams = z.object({ id: z.string().describe('Id of the schedule.') })

const time = z.iso.datetime()

export const scheduleSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    cron: z.string().nullable(),
    rate_seconds: z.number().nullable(),
    at: time.nullable(),
    timezone: z.string().nullable(),
    in_words: z.string(),
    start_at: time.nullable(),
    end_at: time.nullable(),
    overlap: z.enum(OVERLAPS),
    missed: z.enum(MISSED),
    jitter_seconds: z.number(),
    paused: z.boolean(),
    source: z.enum(['api', 'stage']),
    next_times: z.array(time).describe('The next five, without jitter. Empty while paused.'),
    fired: z.int(),
    missed_count: z.int(),
    last_planned_at: time.nullable(),
    last_task_id: z.string().nullable(),
    last_refused: z
      .object({ planned_at: time, code: z.string(), message: z.string() })
      .nullable()
      .describe('The latest firing that was refused because of a limit.'),
    task: z.record(z.string(), z.unknown()),
    created_at: time,
    updated_at: time,
    links: z.object({ self: z.string(), run: z.string(), pause: z.string(), resume: z.string() }),
  })
  .meta({ id: 'Schedule' })

export const schedulePage = z
  .object({ schedules: z.array(scheduleSchema), next_cursor: z.string().nullable() })
  .meta({ id: 'SchedulePage' })

export const scheduleQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).default(20),
  cursor: z
    .string()
    .regex(
      /^([0-9a-z]{26}|stage-[\w-]{1,58})$/,
      'is not a cursor of this API. Send next_cursor of the previous page.',
    )
    .optional(),
})

/** Fields that an update replaces together, so that a timing is never a mix of two. */
export const TIMING_FIELDS = ['cron', 'rate_seconds', 'at', 'timezone'] as const
