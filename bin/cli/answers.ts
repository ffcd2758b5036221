/** What the API answers, as far as the CLI reads it. */
import type * as z from 'zod'
import type { healthSchema } from '../../functions/api/schemas/health.ts'
import type { problemSchema, taskSchema } from '../../functions/api/schemas/task.ts'
import type { Lane } from '../../functions/contract.ts'

export type TaskAnswer = z.output<typeof taskSchema>
export type Status = TaskAnswer['status']
export type Health = z.output<typeof healthSchema>
export type Problem = z.output<typeof problemSchema>

// Written out: the schema's own list would load zod, a third of the CLI's start, for eight words.
export const STATUSES = [
  'SCHEDULED',
  'PENDING',
  'PROCESSING',
  'RETRYING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const satisfies readonly Status[]

export const isFinal = (status: Status): boolean =>
  ['COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED'].includes(status)

export interface TaskPage {
  readonly tasks: readonly TaskAnswer[]
  readonly next_cursor: string | null
}

export interface TaskTypes {
  readonly task_types: readonly {
    readonly name: string
    readonly summary: string
    readonly version: number
    readonly lane: Lane
    readonly uses_model: boolean
    readonly max_attempts: number
    readonly timeout_seconds: number
    readonly input_schema: {
      readonly properties?: Readonly<Record<string, unknown>>
      readonly required?: readonly string[]
    }
  }[]
}

export interface LaneAnswer {
  readonly lane: string
  readonly visible: number
  readonly in_flight: number
  readonly delayed: number
  readonly dead_letters: number
  readonly slots_used: number
  readonly slots_paid: number
  readonly oldest_due_age_seconds: number | null
  readonly is_paused: boolean
}

export interface Queues {
  readonly queues: readonly LaneAnswer[]
}

export interface Redriven {
  readonly lane: string
  readonly dry_run: boolean
  readonly matched: number
  readonly redriven: number
  readonly remaining: number
  readonly by_error: Readonly<Record<string, number>>
  readonly tasks: readonly string[]
}

export interface Explanation {
  readonly task_id: string
  readonly status: Status
  /** finished, running, schedule, queue, retry, circuit, paused or lost. */
  readonly gate: string
  readonly message: string
  readonly next_at: string | null
  readonly facts: Readonly<Record<string, unknown>>
}

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

type Counts = Readonly<Record<string, number>>

export interface Stats {
  readonly since: string
  readonly counts: Counts
  readonly success_rate: number | null
  readonly run_seconds: Quantiles | null
  readonly wait_seconds: Quantiles | null
  readonly by_type: Readonly<Record<string, Counts>>
  readonly is_partial: boolean
}

export interface UsageAnswer {
  readonly since: string
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cost_usd: number | null
  readonly by_model: Readonly<
    Record<
      string,
      {
        readonly tasks: number
        readonly input_tokens: number
        readonly output_tokens: number
        readonly cost_usd: number | null
        readonly provider: string
      }
    >
  >
  readonly is_partial: boolean
}
