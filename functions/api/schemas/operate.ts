import * as z from 'zod'
import { LANES } from '../../contract.ts'
import { GATES } from '../../core/application/operate/explain-task.ts'
import { pageShape } from './cursor.ts'
import { laneName, taskStatus } from './task.ts'

const time = z.iso.datetime({ offset: true })
const amount = z.int().min(0)

/** Any text, so that an unknown lane is 404 with the nearest name and not 422. */
export const laneParams = z.object({ lane: z.string().meta({ enum: LANES }) })

/** Most tasks per redrive; the others are counted as `remaining`. */
const MAX_REDRIVEN = 5_000

export const redriveBody = z
  .strictObject({
    type: z.string().min(1).max(100).optional().describe('Only tasks of this type.'),
    error_code: z.string().min(1).max(100).optional().describe('Only tasks that failed with this code.'),
    failed_after: time.optional().describe('RFC 3339, inclusive.'),
    failed_before: time.optional().describe('RFC 3339, inclusive.'),
    created_after: time.optional().describe('RFC 3339, inclusive; tasks outside are not even read.'),
    created_before: time.optional().describe('RFC 3339, inclusive; tasks outside are not even read.'),
    cursor: pageShape.cursor.describe(
      'next_cursor of the previous call, to continue after the tasks that it started.',
    ),
    dry_run: z.boolean().default(false).describe('Count only, change nothing.'),
    delete_unreadable: z
      .boolean()
      .default(false)
      .describe(
        'Delete the messages of the dead-letter queue that no worker can read; a dry run lists them.',
      ),
    limit: z.int().min(1).max(MAX_REDRIVEN).default(1_000).describe('Start at most this many.'),
    pace_per_second: z
      .number()
      .min(0.1)
      .max(500)
      .optional()
      .describe('Start at most this many per second. limit / pace_per_second is at most 900 s.'),
  })
  .meta({ id: 'RedriveRequest' })

export const hoursQuery = z.strictObject({
  hours: z.coerce
    .number()
    .min(0.1)
    .max(720)
    .default(24)
    .describe(
      'Length of the period: it starts at the beginning of that hour; for more than 48 hours, of that day (UTC).',
    ),
})

export const redriveAnswer = z
  .object({
    lane: laneName,
    dry_run: z.boolean(),
    matched: amount.describe('Failed tasks that match the filter, as far as this call has read.'),
    redriven: amount,
    remaining: amount.describe('Matching tasks that were not started, because of the limit or the time.'),
    by_error: z.record(z.string(), amount),
    tasks: z.array(z.string()).describe('Ids of the tasks started.'),
    is_complete: z
      .boolean()
      .describe('False when the limit or the time was reached before every failed task was read.'),
    next_cursor: z
      .string()
      .nullable()
      .describe('Send it with the same filter to continue; null when every failed task was read.'),
    unreadable: z
      .array(z.object({ message_id: z.string(), bytes: amount }))
      .describe(
        'Messages of the dead-letter queue that belong to no task, so that nothing else removes them. Listed by a dry run; deleted, and listed, with delete_unreadable. Some hundreds at most: call again.',
      ),
    failed_before: time.describe(
      'Send it with next_cursor, so that tasks which fail again are not restarted.',
    ),
  })
  .meta({ id: 'Redrive' })

export const queuesAnswer = z
  .object({
    queues: z.array(
      z.object({
        lane: laneName,
        visible: amount.describe('Messages that wait.'),
        in_flight: amount.describe('Messages being worked on, or waiting for their next attempt.'),
        delayed: amount,
        dead_letters: amount,
        oldest_due_age_seconds: z
          .number()
          .nullable()
          .describe('How long the longest waiting task has waited.'),
        slots_used: amount.describe(
          'Slots of running workers with a task. A worker is counted from its fifth second on, every 20 s.',
        ),
        slots_paid: amount.describe('All slots of running workers.'),
        is_paused: z.boolean(),
        paused_since: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'Queues' })

export const laneAnswer = z.object({ lane: laneName, is_paused: z.boolean() }).meta({ id: 'LaneSwitch' })

export const explainAnswer = z
  .object({
    task_id: z.string(),
    status: taskStatus,
    gate: z.enum(GATES).describe('What the task waits for.'),
    message: z.string(),
    next_at: time.nullable().describe('Earliest time at which it can run, if it is known.'),
    facts: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Explanation' })

const quantiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable()
const counts = z.record(z.string(), amount)

export const statsAnswer = z
  .object({
    since: time,
    counts: counts.describe('Ended tasks by status, each run counted once, and the tasks that are open now.'),
    success_rate: z.number().nullable().describe('COMPLETED as a share of COMPLETED and FAILED.'),
    run_seconds: quantiles.describe('Of the last attempt; within 5 %.'),
    wait_seconds: quantiles.describe('Before the first attempt; within 5 %.'),
    by_type: z.record(z.string(), counts),
    is_partial: z
      .boolean()
      .describe('Open tasks are counted up to a limit, and there are more; ended ones are complete.'),
  })
  .meta({ id: 'Stats' })

const saved = z.number().describe('Saved by cheaper price tiers, for tasks with a deadline.')
const use = z.object({
  tasks: amount,
  input_tokens: amount,
  output_tokens: amount,
  cost_usd: z.number().nullable().describe('Null when the price of any part is unknown.'),
  saved_usd: saved,
})

export const usageAnswer = z
  .object({
    since: time,
    input_tokens: amount,
    output_tokens: amount,
    cost_usd: z.number().nullable().describe('Null when the price of any model is unknown.'),
    saved_usd: saved,
    by_model: z.record(z.string(), use.extend({ provider: z.string() })),
    by_type: z.record(z.string(), use),
    by_day: z.record(z.string(), use).describe('Days in UTC.'),
    by_tag: z
      .record(z.string(), use)
      .describe(
        'The 100 tags with the highest cost. A task with several tags counts in each, so the sum is not the total.',
      ),
  })
  .meta({ id: 'Usage' })

export const circuitsAnswer = z
  .object({
    circuits: z.array(
      z.object({
        name: z.string().describe('Provider and model.'),
        is_open: z.boolean(),
        open_until: time.nullable().describe('When the next call checks whether the model works again.'),
        opens: amount.describe('How often it opened since the last success.'),
        code: z.string().describe('Error code of the last failure.'),
        tasks: amount.describe('Tasks that failed since the last success, up to 8.'),
        last_failed_at: time,
      }),
    ),
  })
  .meta({ id: 'Circuits' })

export const closeCircuitBody = z
  .strictObject({ name: z.string().min(1).max(300).describe('Name in GET /circuits.') })
  .meta({ id: 'CloseCircuit' })

export const closeCircuitAnswer = z
  .object({ name: z.string(), is_open: z.boolean() })
  .meta({ id: 'CircuitClosed' })
