/**
 * Glossary
 *
 * - **Attempt**: one try at running a task.
 * - **Checkpoint**: the kept value of a step of a task; a later attempt reads it instead of doing the step again.
 * - **Circuit**: what is known of the recent failures of one provider and model; an open one pauses their calls.
 * - **Dead letter**: the message of a task whose attempts are used up, in the dead-letter queue of its lane.
 * - **Due index**: the rows that the sweeper must look at, by time.
 * - **Epoch**: grows by one each time a finished task is retried by hand.
 * - **Firing**: one planned time of a schedule, and the task made for it.
 * - **Follow-up**: what must still happen after the end of a task, e.g. a webhook.
 * - **Lane**: a queue, its dead-letter queue and its worker.
 * - **Lease**: the right of one attempt to write the row until a time.
 * - **Place**: one of a limited number that a tenant, or those who wait for an answer, may take at once.
 * - **Provider**: who answers a model call.
 * - **Redrive**: sends the dead letters of a lane back to its queue; each task begins its next epoch.
 * - **Route**: one method and path of the API.
 * - **Schedule**: makes a task at each of its planned times.
 * - **Stage**: one deployment, described by one file.
 * - **Sweeper**: the timer function that repairs whatever is overdue.
 * - **Task**: one piece of work that a caller asked for; one row.
 * - **Task type**: what kind of work; one folder under `functions/tasks`.
 * - **Tenant**: whose task it is, set by the authorizer.
 * - **Watermark**: the queueing time of the youngest task that a lane has begun, by tenant.
 * - **Worker**: the function of a lane that runs its tasks.
 * - **Workflow**: steps that run in an order; each step is a task, or several.
 *
 * Instants are milliseconds since 1970 (UTC) everywhere inside; JSON outside has RFC 3339 strings.
 */
import type { Lane } from '../../contract.ts'
import type { Held } from './budget.ts'
import type { FollowUp } from './follow-ups.ts'
import type { ModelWait } from './model-wait.ts'
import type { OpenCall } from './open-call.ts'
import type { Tallied } from './tally.ts'
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
/** What `POST /tasks/{id}/retry` accepts. A finished result is never paid for twice, so COMPLETED is not among them. */
export const RETRYABLE_STATUSES = ['FAILED', 'CANCELLED', 'EXPIRED'] as const satisfies readonly Status[]

export const FINAL_STATUSES = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const satisfies readonly Status[]

/** An attempt holds the task: its lease has not ended. */
export const isLeased = (
  { status, claimableFrom }: Pick<Task, 'status' | 'claimableFrom'>,
  now: number,
): boolean => status === 'PROCESSING' && claimableFrom > now

export const isFinal = (status: Status): boolean => (FINAL_STATUSES as readonly Status[]).includes(status)

/** JSON text kept in the row, or a pointer to the bucket. */
export type Payload =
  | { readonly json: string }
  | {
      readonly key: string
      readonly bytes: number
      readonly sha256: string
      /** Set where the JSON names files of the task, so that only those results are read to give them their addresses. */
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

/** What a task's model calls used, all attempts together; of the last call, who gave it and how it ended. */
export interface Usage {
  /** Null when a call's provider did not say. */
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  /** Part of the input. */
  readonly cachedTokens?: number
  /** Part of the output. */
  readonly reasoningTokens?: number
  /** Null when the tokens or the model's price are not known. */
  readonly costMicroUsd: number | null
  /** What a cheaper price tier saved against the standard one. */
  readonly savedMicroUsd?: number
  readonly provider: string
  readonly model?: string
  readonly finishReason?: string
  readonly isTruncated?: boolean
  /** The task that paid for an answer which this one got as well. */
  readonly sharedWith?: string
}

/** One line of the permanent record of what was tried. */
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

/** Why a row is in the due index: `queued` rows wait for a message to be taken, `timed` ones for a clock. */
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
  /** Soft limit of one attempt. */
  readonly timeoutMs: number
  readonly input: Payload
  readonly result?: Payload
  readonly error?: TaskFailure
  readonly progress?: Progress
  readonly usage?: Usage
  readonly tags: readonly string[]
  /** `traceparent` of the request that submitted it, or one made for it. */
  readonly trace?: string
  /** What must still follow the end; only a final row has it. */
  readonly pending?: readonly FollowUp[]
  /** The schedule that made it. */
  readonly firing?: Firing
  /** The workflow whose step this is: it is told of the end. */
  readonly parent?: Parent
  /** Who is told of its events beside the tenant's endpoints. */
  readonly webhook?: Webhook
  /** Its tenant had webhook endpoints when it was submitted. */
  readonly hasEndpoints?: true
  /** Its place among its tenant's open tasks and the money that is held for it, until its end. */
  readonly held?: Held
  /** Of all its tenant's tasks with the same one, one runs at a time. */
  readonly concurrencyKey?: string
  /** How often it stood in line for its key, in this epoch. */
  readonly turnWaits?: number
  /** The most its model calls may cost, all attempts together. */
  readonly maxCostMicroUsd?: number
  /** The most they can cost, where that is known: what a budget holds for it. */
  readonly worstMicroUsd?: number
  /** When what went in and came out was deleted on demand; the task cannot run again. */
  readonly erasedAt?: number
  /** Its ends are added to its tenant's hours and days. */
  readonly isTallied?: true
  /** What of it was added so far. */
  readonly tallied?: Tallied
  /** SHA-256 of the request in canonical form: same idempotency key with another hash is refused. */
  readonly bodyHash: string
  readonly createdAt: number
  readonly updatedAt?: number
  readonly startedAt?: number
  readonly finishedAt?: number
  /** When the caller asked it to run. */
  readonly runAt?: number
  /** When its caller wants the result: it decides the price tier of model calls. See `price-tier.ts`. */
  readonly deadlineAt?: number
  /** Start deadline as the caller gave it. */
  readonly expiresAt?: number
  /** Start deadline still in force; removed by the first claim. */
  readonly startBy?: number
  /** The planned time of a model call that its provider's limit put off. See `provider-limit.ts`. */
  readonly modelWait?: ModelWait
  /** When an open circuit, or a store that did not answer, first put it off, in this epoch. */
  readonly parkedSince?: number
  /**
   * No claim before this instant: the run time while SCHEDULED or RETRYING, the lease's end while PROCESSING.
   * One field for both keeps the claim's condition a plain conjunction.
   */
  readonly claimableFrom: number
  /** Who holds the lease; stays in the row so that a lost answer to the last write can be recognised. */
  readonly token?: string
  readonly dueKind?: DueKind
  /** When the sweeper must look at the row; every open row has one, a final row only while something must follow its end. */
  readonly dueAt?: number
  /** When a message for this row was last put into its queue (or became visible there). */
  readonly queuedAt: number
  /** Messages sent for this epoch. */
  readonly sends: number
  /** The first and the latest attempts; see `recorded`. */
  readonly history: readonly AttemptRecord[]
  /** The epoch from which on its checkpoints count; absent while it has none. See `step.ts`. */
  readonly stepsSince?: number
  /** Model calls that go on at their provider, for the next attempt to attach to. See `open-call.ts`. */
  readonly calls?: readonly OpenCall[]
  /** Attempts between the first and the latest of `history` that a long life left out. */
  readonly attemptsOmitted?: number
  /** Retries in this epoch that cost no attempt, since the infrastructure or an open circuit ended them. */
  readonly uncounted?: number
  /** Seconds since 1970; the row is invisible from then on, whenever it is deleted. Only final rows have one. */
  readonly ttl?: number
  /** Seconds since 1970; from then on the table may delete the row by itself. Later than `ttl` where objects hang on it. */
  readonly reapAt?: number
  /** Identifies the last write; a refused condition whose row carries our own id was our own lost answer. */
  readonly writeId: string
}

/** Which planned time of which schedule a task is. */
export interface Firing {
  readonly schedule: string
  readonly plannedAt: number
  /** Left out where firings may overlap. */
  readonly overlap?: 'skip' | 'cancel_running'
  /** Id of the firing before it, where there was one. */
  readonly previous?: string
}

/** What travels through the queue. Bodies never do: SQS bills per 64 kB and the row is the truth. */
export interface TaskMessage extends TaskKey {
  readonly v: 1
  readonly epoch: number
  /** `traceparent`, for whoever reads the message without the row. */
  readonly trace?: string
  /** Marks a dead letter: a redrive of it starts epoch + 1. */
  readonly dead?: DeadLetterMark
}

export interface DeadLetterMark {
  readonly code: string
  readonly attempts: number
}

/** The message that tells a worker of a task. */
export const messageOf = ({ tenant, id, epoch, trace }: Task): TaskMessage => ({
  v: 1,
  tenant,
  id,
  epoch,
  ...(trace === undefined ? {} : { trace }),
})

/**
 * The epoch a message speaks for. A dead letter of epoch e that comes back by a redrive stands for e + 1, also
 * when it returns again because the first attempt of e + 1 backed off.
 */
export const messageEpoch = (message: TaskMessage): number => message.epoch + (message.dead ? 1 : 0)
