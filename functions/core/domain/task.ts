/**
 * Glossary
 *
 * - **Attempt**: one try at running a task.
 * - **Checkpoint**: the stored result of a step of a task; a later attempt reads it instead of running the step again.
 * - **Circuit**: the recent failures of one provider and model; an open circuit pauses their calls.
 * - **Dead letter**: the message of a task whose attempts are used up, in the dead-letter queue of its lane.
 * - **Due index**: the rows that the sweeper must check, ordered by time.
 * - **Epoch**: number of the task's run; increased when a finished task is retried by hand.
 * - **Firing**: one planned time of a schedule, and the task made for it.
 * - **Follow-up**: a step that must follow the end of a task, e.g. a webhook.
 * - **Lane**: a queue, its dead-letter queue and its worker.
 * - **Lease**: the exclusive right of one attempt to write the row, until a time.
 * - **Place**: one unit of a limited number, e.g. of a tenant's open tasks or of waiting requests.
 * - **Provider**: a service that answers model calls.
 * - **Redrive**: moves the dead letters of a lane back to its queue; the next epoch of each task begins.
 * - **Route**: one method and path of the API.
 * - **Schedule**: makes a task at each of its planned times.
 * - **Slot**: room for one running task of an invocation; a lane has `maxConcurrency` × `batchSize` of them.
 * - **Stage**: one deployment, described by one file.
 * - **Sweeper**: the timer function that repairs overdue rows.
 * - **Task**: one piece of work that a caller asked for; one row.
 * - **Task type**: the kind of a task; one folder under `functions/tasks`.
 * - **Tenant**: the owner of tasks, determined by the authorizer.
 * - **Watermark**: the queueing time of the youngest task that a lane has claimed, per tenant.
 * - **Worker**: the function of a lane that runs its tasks.
 * - **Workflow**: steps with an order; each step is one task or several.
 *
 * States: a SCHEDULED task waits for its time, a PENDING one for a worker, a RETRYING one for its next attempt; a PROCESSING one
 * runs. COMPLETED, FAILED, CANCELLED and EXPIRED (not begun in time) are final.
 *
 * Instants are milliseconds since 1970 (UTC) everywhere inside; JSON outside has RFC 3339 strings.
 */
import type { Lane } from '../../contract.ts'
import type { Reservation } from './budget.ts'
import type { FollowUp } from './follow-ups.ts'
import type { ModelWait } from './model-wait.ts'
import type { OpenCall } from './open-call.ts'
import type { TalliedUsage } from './tally.ts'
import type { Webhook } from './webhook.ts'
import type { Parent } from './workflow/workflow.ts'

export const STATUSES = [
  'SCHEDULED',
  'PENDING',
  'PROCESSING',
  'RETRYING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const
export type Status = (typeof STATUSES)[number]

export const OPEN_STATUSES = [
  'SCHEDULED',
  'PENDING',
  'PROCESSING',
  'RETRYING',
] as const satisfies readonly Status[]
/** What `POST /tasks/{id}/retry` accepts. Without COMPLETED, so that a finished result is never paid for twice. */
export const RETRYABLE_STATUSES = ['FAILED', 'CANCELLED', 'EXPIRED'] as const satisfies readonly Status[]

export const FINAL_STATUSES = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const satisfies readonly Status[]

/** An attempt holds the lease of the task. */
export const isLeased = (
  { status, claimableFrom }: Pick<Task, 'status' | 'claimableFrom'>,
  now: number,
): boolean => status === 'PROCESSING' && claimableFrom > now

export const isFinal = (status: Status): boolean => (FINAL_STATUSES as readonly Status[]).includes(status)

/** JSON text stored in the row, or the key of an object in the bucket. */
export type Payload =
  | { readonly json: string }
  | {
      readonly key: string
      readonly bytes: number
      readonly sha256: string
      /** Set where the JSON contains files of the task, so that only those results are read to add download URLs. */
      readonly hasFiles?: true
    }

/** Bytes of the JSON text in UTF-8. */
export const payloadBytes = (payload: Payload): number =>
  'json' in payload ? Buffer.byteLength(payload.json) : payload.bytes

export interface TaskFailure {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

export interface Progress {
  /** 0–100. */
  readonly percent: number
  readonly message: string
}

/** Usage of all model calls of a task, all attempts together; provider, model and finish reason are of the last call. */
export interface Usage {
  /** Null when a provider did not report it for one of the calls. */
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  /** Part of the input tokens. */
  readonly cachedTokens?: number
  /** Part of the output tokens. */
  readonly reasoningTokens?: number
  /** Null when the tokens or the model's price are not known. */
  readonly costMicroUsd: number | null
  /** Saved by a cheaper price tier, compared with the standard one. */
  readonly savedMicroUsd?: number
  readonly provider: string
  readonly model?: string
  readonly finishReason?: string
  readonly isTruncated?: boolean
  /** Id of the task that paid for the shared answer. */
  readonly sharedWith?: string
}

export interface AttemptRecord {
  readonly epoch: number
  readonly attempt: number
  readonly startedAt: number
  readonly endedAt: number
  /** `completed`, or the error code that ended it. */
  readonly outcome: string
  readonly provider?: string
}

export interface TaskKey {
  readonly tenant: string
  readonly id: string
}

/** Why a row is in the due index: `queued` rows wait for their message to be received, `timed` ones for a time. */
export type DueKind = 'queued' | 'timed'

export interface Task extends TaskKey {
  readonly type: string
  readonly lane: Lane
  readonly priority: number
  readonly model: string | null
  readonly status: Status
  readonly epoch: number
  /** Attempts begun in this epoch. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Time limit of one attempt. Its signal fires then; the code may still run on for a short time. */
  readonly timeoutMs: number
  readonly input: Payload
  readonly result?: Payload
  readonly error?: TaskFailure
  readonly progress?: Progress
  readonly usage?: Usage
  readonly tags: readonly string[]
  /** `traceparent` of the request that submitted it, or one made for it. */
  readonly trace?: string
  /** Follow-ups that are not done yet; only on final rows. */
  readonly pending?: readonly FollowUp[]
  /** The planned time of the schedule that created it. */
  readonly firing?: Firing
  /** The workflow that this task is a step of; the task's end is reported to it. */
  readonly parent?: Parent
  /** A URL that receives its events, in addition to the tenant's endpoints. */
  readonly webhook?: Webhook
  /** Its tenant had webhook endpoints when it was submitted. */
  readonly hasEndpoints?: true
  /** Its place among its tenant's open tasks and the money reserved for it, until its end. */
  readonly held?: Reservation
  /** Only one of the tenant's tasks with the same key runs at a time. */
  readonly concurrencyKey?: string
  /** How often it waited for other tasks of its key, in this epoch. */
  readonly turnWaits?: number
  /** The most that its model calls may cost, all attempts together. */
  readonly maxCostMicroUsd?: number
  /** The highest possible cost, where it is known: the amount that a budget reserves for it. */
  readonly worstMicroUsd?: number
  /** When its input and result were deleted on request; the task cannot run again. */
  readonly erasedAt?: number
  /** Its ends are added to its tenant's hourly and daily statistics. */
  readonly isTallied?: true
  /** The part that was added so far. */
  readonly tallied?: TalliedUsage
  /** SHA-256 of the request in canonical form: the same idempotency key with another hash is refused. */
  readonly bodyHash: string
  readonly createdAt: number
  readonly updatedAt?: number
  readonly startedAt?: number
  readonly finishedAt?: number
  /** Run time that the caller asked for. */
  readonly runAt?: number
  /** Time by which the caller wants the result: it decides the price tier of model calls. See `price-tier.ts`. */
  readonly deadlineAt?: number
  /** Start deadline as the caller gave it. */
  readonly expiresAt?: number
  /** Start deadline still in force; removed by the first claim. */
  readonly startBy?: number
  /** The planned time of a model call that a provider limit delays. See `provider-limit.ts`. */
  readonly modelWait?: ModelWait
  /** When an open circuit, or a store that did not answer, first delayed it in this epoch. */
  readonly parkedSince?: number
  /**
   * No claim before this instant: the run time while SCHEDULED or RETRYING, the lease's end while PROCESSING.
   * One field for both, so that the claim's condition has only ANDs.
   */
  readonly claimableFrom: number
  /** Token of the attempt that holds the lease. Stays in the row, so that a worker can recognise its own last write. */
  readonly token?: string
  readonly dueKind?: DueKind
  /** When the sweeper must check the row. Every open row has one; a final row only while follow-ups are not done. */
  readonly dueAt?: number
  /** When a message for this row was last sent to its queue, or became visible there. */
  readonly queuedAt: number
  /** Messages sent for this epoch. */
  readonly sends: number
  /** The first and the latest attempts; see `recorded`. */
  readonly history: readonly AttemptRecord[]
  /** The first epoch whose checkpoints are valid; absent without checkpoints. See `step.ts`. */
  readonly stepsSince?: number
  /** Model calls that still run at their provider, which the next attempt may resume. See `open-call.ts`. */
  readonly calls?: readonly OpenCall[]
  /** Number of attempts that `history` leaves out between the first and the latest. */
  readonly attemptsOmitted?: number
  /** Retries in this epoch that used up no attempt, because the infrastructure or an open circuit ended them. */
  readonly uncounted?: number
  /** Seconds since 1970; from then on the row counts as deleted, even before the table deletes it. Only on final rows. */
  readonly ttl?: number
  /** Seconds since 1970; from then on the table deletes the row. Later than `ttl` where the cleanup must delete objects first. */
  readonly reapAt?: number
  /** Id of the last write. A refused write whose row has our own id had succeeded, and only its answer was lost. */
  readonly writeId: string
}

/** The schedule and planned time of a task. */
export interface Firing {
  readonly schedule: string
  readonly plannedAt: number
  /** Left out where firings may overlap. */
  readonly overlap?: 'skip' | 'cancel_running'
  /** Id of the previous firing's task, if any. */
  readonly previous?: string
}

/** The content of a queue message. Without input: SQS bills per 64 kB, and the row has the current state. */
export interface TaskMessage extends TaskKey {
  readonly v: 1
  readonly epoch: number
  /** `traceparent`, for readers of the message that do not read the row. */
  readonly trace?: string
  /** Marks a dead letter: a redrive of it starts epoch + 1. */
  readonly dead?: DeadLetterMark
}

export interface DeadLetterMark {
  readonly code: string
  readonly attempts: number
}

export const messageOf = ({ tenant, id, epoch, trace }: Task): TaskMessage => ({
  v: 1,
  tenant,
  id,
  epoch,
  ...(trace === undefined ? {} : { trace }),
})

/**
 * The epoch that a message starts. A dead letter of epoch e that a redrive moves back starts e + 1, also when it
 * returns again because the first attempt of e + 1 is retried.
 */
export const messageEpoch = (message: TaskMessage): number => message.epoch + (message.dead ? 1 : 0)
