/** Schema of the answer, for the OpenAPI document and for clients; `task-json.ts` creates it. */
import * as z from 'zod'
import { LANES } from '../../contract.ts'
import { STATUSES } from '../../core/domain/task.ts'

const time = z.iso.datetime()

/** The actual time is between the two in eight of ten cases. */
const band = z.object({ earliest: time, latest: time }).meta({ id: 'TimeBand' }).nullable()

export const laneName = z.enum(LANES).meta({ id: 'Lane' })
export const taskStatus = z.enum(STATUSES).meta({ id: 'Status' })

export const anyJson = z.unknown().describe('Any JSON.')

export const taskParams = z.object({ id: z.string().describe('Id of the task.') })

export const taskSchema = z
  .object({
    id: z.string(),
    task_id: z.string().describe('The same id, for older clients.'),
    type: z.string(),
    status: taskStatus,
    lane: laneName,
    priority: z.int().min(0).max(10),
    model: z.string().nullable(),
    prompt: z.string().nullable().describe('For text.generate.'),
    input: z
      .unknown()
      .describe(
        'Null in lists when it is larger than 8 kB, and when the answer would be too large; see links.',
      ),
    result: z
      .unknown()
      .describe(
        'For text.generate the text itself. Null in lists when it is larger than 8 kB, and when the answer would be too large; see links.',
      ),
    error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }).nullable(),
    progress: z.object({ percent: z.number(), message: z.string() }).nullable(),
    attempts: z.int().describe('Attempts begun in this epoch.'),
    max_attempts: z.int(),
    epoch: z.int().describe('Increased by each retry by hand.'),
    trace_id: z
      .string()
      .nullable()
      .describe('Trace id of the traceparent header, or a new one; in every log line.'),
    usage: z
      .object({
        input_tokens: z.int().nullable().describe('Null when a provider did not report it.'),
        output_tokens: z.int().nullable(),
        cost_usd: z.number().nullable().describe('Null when tokens or price are unknown.'),
        saved_usd: z.number().describe('Saved by a cheaper price tier.'),
        provider: z.string(),
        cached_tokens: z.int().describe('Part of the input.'),
        reasoning_tokens: z.int().describe('Part of the output.'),
        model: z.string().nullable().describe('Of the last call: the model that answered.'),
        finish_reason: z
          .string()
          .nullable()
          .describe('Of the last call: stop, length, or the code of the error it ended with.'),
        is_truncated: z.boolean().describe('The last answer ended at a token limit.'),
        shared_with: z
          .string()
          .nullable()
          .describe('Id of the task that paid for the shared answer (share_call).'),
      })
      .nullable(),
    queue: z
      .object({
        gate: z
          .enum(['schedule', 'retry', 'queue', 'paused', 'circuit', 'key', 'limit'])
          .describe(
            'What it waits for: its time, its next attempt, its turn; or its lane is paused, or calls of its model are; or the end of another task: of its concurrency_key, or of any where as many of its tenant run as may.',
          ),
        position: z
          .int()
          .nullable()
          .describe('Approximate number of tasks before it; null while it is not in the queue.'),
        estimated_start: band.describe(
          'Null while its lane or its model is paused, or another task must end first.',
        ),
        estimated_finish: band.describe('Null while no task of its type and model has ended recently.'),
      })
      .nullable()
      .describe('For a waiting task: when it is likely to start, estimated from recent tasks of its lane.'),
    estimated_cost_usd: z
      .object({ low: z.number(), high: z.number() })
      .nullable()
      .describe(
        'While it waits: what tasks of its type and model cost lately, one in ten less and one in ten more.',
      ),
    tags: z.array(z.string()),
    created_at: time,
    updated_at: time.nullable().describe('Null until the first change.'),
    started_at: time.nullable(),
    finished_at: time.nullable(),
    run_at: time.nullable(),
    deadline: time.nullable(),
    expires_at: time.nullable(),
    history: z.array(
      z.object({
        epoch: z.int(),
        attempt: z.int(),
        started_at: time,
        ended_at: time,
        outcome: z.string().describe('completed, or the error code that ended the attempt.'),
        provider: z.string().nullable(),
      }),
    ),
    steps: z
      .array(
        z.object({
          name: z.string(),
          started_at: time,
          seconds: z.number(),
          epoch: z.int(),
          attempt: z.int().describe('The attempt that ran it; later ones reuse its result.'),
          cost_usd: z.number().nullable().describe('Null when it called no model, or the price is unknown.'),
        }),
      )
      .describe('Finished steps that a retry does not repeat, oldest first. Not in lists.'),
    attempts_omitted: z
      .int()
      .describe('Attempts left out of a long history, between its first ten and the latest.'),
    missing: z
      .array(z.enum(['input', 'result']))
      .optional()
      .describe('Stored parts of the task that have been deleted; they are null here.'),
    links: z.object({
      self: z.string(),
      events: z.string(),
      input: z.string(),
      result: z.string(),
      cancel: z.string(),
      retry: z.string(),
    }),
  })
  .meta({ id: 'Task' })

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })
